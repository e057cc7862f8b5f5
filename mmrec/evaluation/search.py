"""The choice of a model's settings, on validation rows alone."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec.errors import InputError
from mmrec.evaluation.cost import PeakMemory, timed
from mmrec.evaluation.layouts import Bundle
from mmrec.evaluation.protocol import evaluate
from mmrec.models import model_class
from mmrec.models.base import Recommender
from mmrec.models.ensemble import RankFusion

CRITERION = "ndcg@20"
"""What settings and the winner are chosen by, on validation."""
MOST_VALUES = 8
"""Of one setting that are tried at most."""


@dataclass
class Fitted:
    """A fitted model, what it cost, and how it does on validation."""

    model: Recommender
    seed: int
    settings: dict[str, Any]
    seconds: float
    peak_mb: float
    validation: dict[str, float]


def fit_once(
    bundle: Bundle, name: str, seed: int, settings: dict[str, Any], fitted: Mapping[str, Recommender] | None = None
) -> Fitted:
    """Fit a model on the training rows and measure it on validation.

    Args:
        bundle: the data.
        name: the model.
        seed: of what is drawn in it.
        settings: that differ from its defaults.
        fitted: name -> models of this seed that an ensemble need not fit again.
    """
    split, model = bundle.warm, make(name, seed, settings)
    if isinstance(model, RankFusion):
        model.adopt(fitted or {})
    with PeakMemory() as memory:
        _, seconds = timed(lambda: model.fit(split.train, bundle.features))
        validation = evaluate(model, split, on="validation").summary
    return Fitted(model, seed, settings, seconds, memory.peak_mb, validation)


def make(name: str, seed: int, settings: dict[str, Any]) -> Recommender:
    """A model with these settings, and with the seed if anything in it is drawn."""
    kind = model_class(name)
    return kind(**({"seed": seed} if "seed" in kind.parameters() else {}), **settings)


def tries_of(name: str) -> int:
    """How many values beside its defaults a model's ``grid`` has."""
    return sum(len(values) - 1 for values in model_class(name).grid.values())


def choose_settings(
    bundle: Bundle,
    name: str,
    given: dict[str, Any],
    budget: float,
    fitted: Mapping[str, Recommender] | None = None,
) -> tuple[Fitted, list[dict[str, Any]]]:
    """Fit a model with its defaults, then with the values of its ``grid``, one setting after the other.

    Of a setting that the model calls open-ended, the best value is no end of those tried unless ``MOST_VALUES`` were:
    data that are far denser or sparser than those the grid was made for lie beyond it.

    Args:
        bundle: the data.
        name: the model.
        given: settings that stay.
        budget: seconds; the defaults are tried in any case, and nothing else if it is 0.
        fitted: see ``fit_once``.

    Returns:
        The fit that is best on validation, and the log of all that were tried.
    """
    started = time.monotonic()

    def attempt(settings: dict[str, Any]) -> Fitted:
        tried = fit_once(bundle, name, 0, {**given, **settings}, fitted)
        log.append({"settings": settings, CRITERION: tried.validation.get(CRITERION), "seconds": tried.seconds})
        return tried

    def reached(tried: Fitted) -> float:
        value = tried.validation.get(CRITERION, float("nan"))
        return -1.0 if np.isnan(value) else value

    log: list[dict[str, Any]] = []
    kind = model_class(name)
    chosen = {setting: values[0] for setting, values in kind.grid.items()} if budget > 0 else {}
    best = attempt(chosen)
    for setting, values in kind.grid.items():
        row, waiting = [values[0]], list(values[1:])
        while waiting:
            spent = time.monotonic() - started
            if spent + spent / len(log) > budget:
                return best, log
            value = waiting.pop(0)
            row.append(value)
            try:
                tried = attempt({**chosen, setting: value})
            except InputError as error:  # these values do not suit the data; the others are still good
                log.append({"settings": {**chosen, setting: value}, CRITERION: None, "error": str(error)})
                continue
            if reached(tried) > reached(best):
                best = tried
            if not waiting and setting in kind.open_ended:
                waiting = beyond(row, best.settings[setting])
        chosen = {**chosen, setting: best.settings[setting]}
    return best, log


def beyond(tried: Sequence[float], best: float) -> list[float]:
    """The next value in the same ratio where the best of those tried is the least or the largest; else none.

    Args:
        tried: at least one number; zeros are no part of the row.
        best: one of them.
    """
    row = sorted({value for value in tried if value > 0})
    if len(row) < 2 or best not in (row[0], row[-1]) or len(tried) >= MOST_VALUES:
        return []
    return [row[0] ** 2 / row[1] if best == row[0] else row[-1] ** 2 / row[-2]]
