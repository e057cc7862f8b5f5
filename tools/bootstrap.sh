#!/bin/sh
# Make .venv from requirements.lock. Every way to fail is one line; an interrupted install is made anew.
set -u

fail() { echo "mmrec: $1" >&2; exit 1; }

find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        command -v "$name" >/dev/null 2>&1 || continue
        "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 || continue
        "$name" -c 'import venv, ensurepip' >/dev/null 2>&1 || continue
        echo "$name"
        return
    done
}

python=$(find_python)
[ -n "$python" ] || fail "no Python 3.11, 3.12 or 3.13 with venv was found; install one, or name it: make PYTHON=/path/to/python"

# make asks again whenever a time stamp moved (a checkout does that); the lock's checksum says whether packages did.
lock=$(cksum <requirements.lock)
if [ "$(cat .venv/.complete 2>/dev/null)" = "$lock" ] && .venv/bin/python -c '' 2>/dev/null; then
    .venv/bin/python -m pip install --no-input --disable-pip-version-check --no-deps --no-build-isolation -e . \
        >.venv/install.log 2>&1 || fail "mmrec itself could not be installed (see .venv/install.log)"
    touch .venv/.complete
    exit 0
fi

free=$(df -Pk . | awk 'NR == 2 { print $4 }')
[ "$free" -ge 5000000 ] || fail "5 GB of free disk are needed here, there are $((free / 1000000)) GB"

rm -rf .venv
echo "making .venv with $("$python" --version) (a few minutes, about 3 GB)" >&2
"$python" -m venv .venv || fail "could not make .venv with $python"
log=.venv/install.log
if uv --version >/dev/null 2>&1; then
    install="uv pip install --python .venv/bin/python"
else
    install=".venv/bin/python -m pip install --no-input --disable-pip-version-check"
fi
$install --require-hashes -r requirements.lock >"$log" 2>&1 ||
    fail "the packages could not be installed (no network? see $log): $(grep -iE 'error|failed|caused' "$log" | tail -n 1)"
$install --no-deps --no-build-isolation -e . >>"$log" 2>&1 ||
    fail "mmrec itself could not be installed (see $log): $(tail -n 1 "$log")"
echo "$lock" >.venv/.complete
