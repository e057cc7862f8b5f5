"""Item neighbourhoods against a loop over pairs."""

import numpy as np
import pytest

from mmrec.models import make_model


def test_against_a_loop(interactions):
    k, shrinkage = 4, 2.0
    model = make_model("item-knn", neighbours=k, shrinkage=shrinkage).fit(interactions)
    liked = interactions.likes().matrix().toarray() > 0
    size = interactions.n_items
    for j in range(size):
        similarity = np.zeros(size)
        for i in range(size):
            both = (liked[:, i] & liked[:, j]).sum()
            if i != j:
                similarity[i] = both / (np.sqrt(liked[:, i].sum() * liked[:, j].sum()) + shrinkage)
        kept = np.flatnonzero(model.weights[:, j])
        assert len(kept) <= k
        assert model.weights[kept, j] == pytest.approx(similarity[kept], abs=1e-6)
        left = np.setdiff1d(np.arange(size), kept)
        assert len(kept) == min(k, (similarity > 0).sum())
        assert len(kept) == 0 or similarity[left].max() <= similarity[kept].min() + 1e-12
