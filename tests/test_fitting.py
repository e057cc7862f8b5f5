"""Fitting once: what the cache gives is what fitting gives, and nothing that matters is left out of its key."""

import numpy as np
import pytest

from mmrec import models
from mmrec.models import make_model
from mmrec.models.fitting import fit_model, fitter


@pytest.fixture
def fits(monkeypatch, tmp_path):
    """Counts how often a matrix factorisation is really fitted, with an empty cache."""
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path))
    kind, counted = models.model_class("mf"), []
    fit = kind._fit
    monkeypatch.setattr(kind, "_fit", lambda self, *rest: (counted.append(1), fit(self, *rest))[1])
    return counted


def test_fitted_once_and_the_same_to_the_bit(fits, interactions):
    first = fit_model("mf", interactions, seed=3, epochs=2)
    second = fit_model("mf", interactions, seed=3, epochs=2)
    assert len(fits) == 1
    users = np.arange(interactions.users)
    plain = make_model("mf", seed=3, epochs=2).fit(interactions)
    for model in (first, second):
        assert np.array_equal(model.scores(users), plain.scores(users))
        assert np.array_equal(model.recommend(users, 5)[0], plain.recommend(users, 5)[0])


def test_other_rows_settings_and_seeds_are_fitted_anew(fits, interactions):
    fit_model("mf", interactions, epochs=2)
    fit_model("mf", interactions, epochs=3)
    fit_model("mf", interactions, epochs=2, seed=1)
    fit_model("mf", interactions.take(np.arange(len(interactions) - 1)), epochs=2)
    assert len(fits) == 4


def test_features_count_only_for_models_that_read_them(fits, interactions, features):
    fit_model("mf", interactions, features, epochs=2)
    fit_model("mf", interactions, features.only("text"), epochs=2)
    assert len(fits) == 1
    whole = fit_model("document-literal", interactions, features, epochs=1)
    part = fit_model("document-literal", interactions, features.only("text"), epochs=1)
    assert not np.array_equal(whole.scores(np.arange(1)), part.scores(np.arange(1)))


def test_a_model_without_chance_ignores_the_seed(interactions):
    make = fitter("popularity", interactions)
    assert np.array_equal(make(0).scores(np.arange(2)), make(1).scores(np.arange(2)))
