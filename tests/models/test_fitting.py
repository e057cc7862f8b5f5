"""Fitting once: what the cache gives is what fitting gives, and nothing that matters is left out of its key."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmrec import models
from mmrec.models import make_model
from mmrec.models.fitting import SOURCES, fit_model, fitter


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


def test_all_that_fitting_imports_is_in_the_key():
    """A module of the project that a fit loads, but that its key does not cover, would leave stale models behind."""
    program = (
        "import sys, numpy as np\n"
        "from conftest import random_interactions\n"
        "from mmrec.features.table import Features\n"
        "from mmrec.models import REGISTRY, make_model\n"
        "train = random_interactions()\n"
        "present = np.ones((train.items, 3), bool)\n"
        "blocks = {name: np.ones((train.items, 4), np.float32) for name in ('text', 'image', 'audio')}\n"
        "features = Features(tuple(map(str, range(train.items))), blocks, present)\n"
        "[make_model(n, **({'epochs': 1} if 'epochs' in make_model(n).parameters() else {})).fit(train, features)"
        " for n in REGISTRY]\n"
        "print(*(n.removeprefix('mmrec.').replace('.', '/') + '.py' for n in sys.modules if n.startswith('mmrec.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[1], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split()) - {
        "models.py",
        "features.py",
        "features/pretrained.py",
        "layers.py",
        "data.py",
        "evaluation.py",
    }  # packages
    assert "models/document.py" in loaded
    assert not [path for path in loaded if not path.startswith(SOURCES)]
