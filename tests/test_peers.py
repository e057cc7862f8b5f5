"""The peers' benchmark sets no tuned model beside an untuned one."""

import importlib.util
import sys
from pathlib import Path

import pytest

from mmrec.models import make_model

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def peers():
    sys.path.insert(0, str(FOLDER))  # it imports its neighbour
    try:
        spec = importlib.util.spec_from_file_location("peers", FOLDER / "peers.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


@pytest.mark.parametrize("size", [8192, 100])
def test_both_libraries_get_the_same_settings(peers, size):
    """Cornac's names on the left; ours must be settings of the model, with the same values."""
    ours = make_model("vbpr", embedding_size=peers.VECTOR, batch_size=size, **peers.SHARED).settings
    theirs = peers.cornac_settings(size)
    same = {
        "k": "embedding_size",
        "k2": "embedding_size",
        "batch_size": "batch_size",
        "learning_rate": "learning_rate",
        "lambda_w": "l2",
        "lambda_b": "l2",
    }
    assert {name: theirs[name] for name in same} == {name: ours[other] for name, other in same.items()}
    assert theirs.keys() - same.keys() == {"lambda_e"}
    assert size in peers.BATCHES


def test_quality_is_not_compared(peers):
    assert not hasattr(peers, "evaluate")
    assert "ndcg" not in (FOLDER / "peers.py").read_text(encoding="utf-8")
