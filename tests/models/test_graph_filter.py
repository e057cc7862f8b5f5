"""The filter against its definition by eigenvectors."""

import numpy as np
import pytest

from mmrec.models import make_model
from mmrec.models.similarity import content_similarity


def graph(liked):
    users, items = np.maximum(liked.sum(axis=1), 1), np.maximum(liked.sum(axis=0), 1)
    scaled = liked / np.sqrt(users[:, None] * items)
    return scaled.T @ scaled, items


def filtered(matrix, items, l2, popularity):
    values, vectors = np.linalg.eigh(matrix)
    smooth = (vectors * (values / (values + l2))) @ vectors.T
    return np.diag(items**-popularity) @ smooth @ np.diag(items**popularity)


@pytest.mark.parametrize(("l2", "popularity"), [(0.2, 0.25), (0.05, 0.0)])
def test_filter(interactions, l2, popularity):
    model = make_model("graph-filter", l2=l2, popularity=popularity, dislike=0.0).fit(interactions)
    matrix, items = graph(interactions.likes().matrix().toarray().astype(float))
    assert np.linalg.eigvalsh(matrix).max() == pytest.approx(1)
    assert model.weights == pytest.approx(filtered(matrix, items, l2, popularity), abs=1e-5)


def test_filter_with_content(interactions, features):
    model = make_model("graph-filter-features", content=0.7, dislike=0.0).fit(interactions, features)
    matrix, items = graph(interactions.likes().matrix().toarray().astype(float))
    similarity = content_similarity(features, interactions)
    level = np.diag(matrix).mean() / np.diag(similarity).mean()
    expected = filtered(matrix + 0.7 * level * similarity, items, 0.2, 0.25)
    assert model.weights == pytest.approx(expected, abs=1e-5)
