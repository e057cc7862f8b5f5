PROFILE ?= quick
OUT ?= _build/figures
MMREC = .venv/bin/mmrec

.PHONY: help book test figures lock clean

help:  ## list what make can do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

book: .venv/.complete  ## run the notebooks and build _build/html/index.html (PROFILE=quick or full)
	@$(MMREC) book --profile $(PROFILE)

test: .venv/.complete  ## lint, types and all tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -n auto

figures: .venv/.complete  ## export every figure of the book into OUT
	@$(MMREC) book --profile $(PROFILE)
	@$(MMREC) figures $(OUT)

lock:  ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock

clean:  ## remove what was built, and the environment
	rm -rf _build .venv

.venv/.complete: requirements.lock pyproject.toml
	@sh tools/bootstrap.sh
