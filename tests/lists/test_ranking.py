"""Lists of many users, a block at a time."""

import numpy as np
import pytest

from mmrec.errors import InputError
from mmrec.lists.ranking import rank_all
from mmrec.models import make_model


def test_blocks_come_one_at_a_time(interactions, monkeypatch):
    model, users = make_model("ease").fit(interactions), np.arange(interactions.users)[::-1]
    asked, score = [], model.scores
    monkeypatch.setattr(model, "scores", lambda some: asked.append(some.tolist()) or score(some))
    blocks = rank_all(model, users, 5, block=8)
    assert asked == []
    first = next(blocks)
    assert asked == [users[:8].tolist()]
    rest = list(blocks)
    assert [len(block.users) for block in rest] == [8, 8, 6]
    found = np.concatenate([block.items for block in (first, *rest)])
    np.testing.assert_array_equal(found, model.recommend(users, 5)[0])


def test_a_block_of_none(interactions):
    with pytest.raises(InputError, match="1 or more"):
        next(rank_all(make_model("ease").fit(interactions), np.arange(3), 5, block=0))
