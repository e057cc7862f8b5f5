"""The peers' benchmark sets no tuned model next to an untuned one."""

from pathlib import Path

import pytest

from mmrec.models import make_model


@pytest.fixture(scope="module")
def peers():
    from studies.models import peers

    return peers


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
    assert "ndcg" not in Path(peers.__file__).read_text(encoding="utf-8")
