"""Recent popularity against a sum by hand."""

import numpy as np
import pytest

from mmrec.models import make_model


def test_recent_likes_count_more(interactions):
    found = make_model("popularity-recent", half_life=10.0).fit(interactions).scores(np.array([0]))[0]
    likes, end = interactions.likes(), interactions.timestamp.max()
    expected = np.zeros(interactions.n_items)
    for item, time in zip(likes.item, likes.timestamp, strict=True):
        expected[item] += 0.5 ** ((end - time) / 86400 / 10)
    assert found == pytest.approx(expected, rel=1e-5)
