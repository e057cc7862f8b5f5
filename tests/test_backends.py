import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_layers_under_jax():
    pytest.importorskip("jax")
    here = Path(__file__).parent
    files = [str(here / "test_text.py"), str(here / "layers")]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        cwd=here.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
