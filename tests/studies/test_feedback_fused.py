"""Fused features against an eigenvalue decomposition."""

import numpy as np
import pytest

from mmrec.errors import InputError
from mmrec.models.preprocessing import Preprocessor
from studies.feedback.fused import fused_features


def test_components_are_those_of_the_covariance(interactions, features):
    train = interactions.take(interactions.item < 35)
    arms = fused_features(features, train, 4)
    assert arms.shape == (40, 5)
    assert (arms[:, 0] == 1).all()
    whole = np.hstack(list(Preprocessor.fit(features, train).tables(features).values())).astype(float)
    centred = whole - whole[:35].mean(axis=0)
    values, vectors = np.linalg.eigh(centred[:35].T @ centred[:35])
    scale = np.sqrt(values[::-1][:4].sum() / 35)
    for at in range(4):
        expected = centred @ vectors[:, -1 - at] / scale
        assert min(np.abs(arms[:, 1 + at] - expected).max(), np.abs(arms[:, 1 + at] + expected).max()) < 1e-9
    assert (arms[:35, 1:] ** 2).sum(axis=1).mean() == pytest.approx(1)


def test_an_unrated_item_decides_nothing(interactions, features):
    train = interactions.take(interactions.item < 35)
    before = fused_features(features, train, 4)
    features.blocks["image"][39] += 100
    after = fused_features(features, train, 4)
    assert after[:39] == pytest.approx(before[:39], abs=1e-9)


def test_more_components_than_items_are_refused(interactions, features):
    with pytest.raises(InputError, match="41 components cannot be had of 40 items"):
        fused_features(features, interactions, 41)
