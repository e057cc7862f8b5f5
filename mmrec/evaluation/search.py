"""The choice of a model's settings, on validation rows alone."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec.errors import InputError
from mmrec.evaluation.cost import PeakMemory, timed
from mmrec.evaluation.layouts import Bundle
from mmrec.evaluation.protocol import evaluate
from mmrec.models import model_class
from mmrec.models.base import Recommender

CRITERION = "ndcg@20"
"""What settings and the winner are chosen by, on validation."""


@dataclass
class Fitted:
    """A fitted model, what it cost, and how it does on validation."""

    model: Recommender
    seed: int
    settings: dict[str, Any]
    seconds: float
    peak_mb: float
    validation: dict[str, float]


def fit_once(bundle: Bundle, name: str, seed: int, settings: dict[str, Any]) -> Fitted:
    """Fit a model on the training rows and measure it on validation."""
    split, model = bundle.split(), make(name, seed, settings)
    with PeakMemory() as memory:
        _, seconds = timed(lambda: model.fit(split.train, bundle.features))
        validation = evaluate(model, split, on="validation").summary
    return Fitted(model, seed, settings, seconds, memory.peak_mb, validation)


def make(name: str, seed: int, settings: dict[str, Any]) -> Recommender:
    """A model with these settings, and with the seed if anything in it is drawn."""
    kind = model_class(name)
    return kind(**({"seed": seed} if "seed" in kind.parameters() else {}), **settings)


def choose_settings(
    bundle: Bundle, name: str, given: dict[str, Any], budget: float
) -> tuple[Fitted, list[dict[str, Any]]]:
    """Fit a model with its defaults, then with the values of its ``grid``, one setting after the other.

    Args:
        bundle: the data.
        name: the model.
        given: settings that stay.
        budget: seconds; the defaults are tried in any case, and nothing else if it is 0.

    Returns:
        The fit that is best on validation, and the log of all that were tried.
    """
    started = time.monotonic()

    def attempt(settings: dict[str, Any]) -> Fitted:
        fitted = fit_once(bundle, name, 0, {**given, **settings})
        log.append({"settings": settings, CRITERION: fitted.validation.get(CRITERION), "seconds": fitted.seconds})
        return fitted

    def reached(fitted: Fitted) -> float:
        value = fitted.validation.get(CRITERION, float("nan"))
        return -1.0 if np.isnan(value) else value

    log: list[dict[str, Any]] = []
    grid = model_class(name).grid
    chosen = {setting: values[0] for setting, values in grid.items()} if budget > 0 else {}
    best = attempt(chosen)
    for setting, values in grid.items():
        for value in values[1:]:
            spent = time.monotonic() - started
            if spent + spent / len(log) > budget:
                return best, log
            try:
                tried = attempt({**chosen, setting: value})
            except InputError as error:  # these values do not suit the data; the others are still good
                log.append({"settings": {**chosen, setting: value}, CRITERION: None, "error": str(error)})
                continue
            if reached(tried) > reached(best):
                best = tried
        chosen = {**chosen, setting: best.settings[setting]}
    return best, log
