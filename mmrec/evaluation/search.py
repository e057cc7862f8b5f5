"""The choice of a model's settings, on validation rows alone, with a budget counted in tries.

A budget in seconds would make settings depend on what else the machine does; a number of tries does not.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec.data.split import Split, by_time
from mmrec.errors import InputError
from mmrec.evaluation.cost import PeakMemory, timed
from mmrec.evaluation.protocol import evaluate
from mmrec.features.table import Features
from mmrec.models import model_class
from mmrec.models.base import Recommender
from mmrec.models.ensemble import RankFusion

CRITERION = "ndcg@20"
"""What settings and the winner are chosen by, on validation."""
TRIES = 10
"""Settings tried for every model that has any, the defaults among them."""


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
    split: Split,
    features: Features,
    name: str,
    seed: int,
    settings: dict[str, Any],
    fitted: Mapping[str, Recommender] | None = None,
    case: str = "warm",
) -> Fitted:
    """Fit a model on the training rows and measure it on validation.

    Args:
        split: its validation rows measure the case ``"warm"``; its test rows are read in the other cases alone, for
            which ``within_training`` makes the split.
        features: item features.
        name: the model.
        seed: of what is drawn in it.
        settings: that differ from its defaults.
        fitted: name -> models of this seed and these rows that an ensemble need not fit again.
        case: ``"warm"``, ``"cold-item"`` or ``"cold-user"``.
    """
    model = make(name, seed, settings)
    if isinstance(model, RankFusion):
        model.adopt(fitted or {})
    with PeakMemory() as memory:
        _, seconds = timed(lambda: model.fit(split.train, features))
        found = evaluate(model, split, case, on="validation" if case == "warm" else "test")
    return Fitted(model, seed, settings, seconds, memory.peak_mb, found.summary)


def within_training(split: Split, seed: int, duplicates: Sequence[Sequence[int]] = ()) -> Split:
    """A split of the training rows alone, with a tenth of their items and users new: where cold settings are chosen.

    Args:
        split: its training rows are split.
        seed: of the draw.
        duplicates: groups of item indices that are the same item under several ids; new together or not at all.
    """
    return by_time(
        split.train, validation=0.0, test=0.0, cold_items=0.1, cold_users=0.1, seed=seed, duplicates=duplicates
    )


def make(name: str, seed: int, settings: dict[str, Any]) -> Recommender:
    """A model with these settings, and with the seed if anything in it is drawn."""
    kind = model_class(name)
    return kind(**({"seed": seed} if "seed" in kind.parameters() else {}), **settings)


def choose_settings(
    split: Split,
    features: Features,
    name: str,
    given: dict[str, Any],
    tries: int,
    fitted: Mapping[str, Recommender] | None = None,
    case: str = "warm",
) -> tuple[Fitted, list[dict[str, Any]]]:
    """Fit a model with its defaults, then with the settings that ``candidates`` proposes; keep the best on validation.

    Args:
        split, features: the data; see ``fit_once``.
        name: the model.
        given: settings that stay.
        tries: how many settings are tried, the defaults among them; at least 1.
        fitted: see ``fit_once``.
        case: what is measured.

    Returns:
        The fit that is best on validation (of equals the first), and the log of all that were tried.
    """
    kind = model_class(name)
    log: list[dict[str, Any]] = []
    best: Fitted | None = None
    best_value = -np.inf
    defaults = {setting: values[0] for setting, values in kind.grid.items()} if tries > 1 else {}
    proposals = candidates(kind.grid, kind.open_ended, defaults)
    settings = next(proposals)
    while len(log) < max(tries, 1):
        try:
            tried = fit_once(split, features, name, 0, {**given, **settings}, fitted, case)
        except InputError as error:  # these values do not suit the data; the others are still good
            if best is None:
                raise
            log.append({"settings": settings, CRITERION: None, "error": str(error)})
            value = -np.inf
        else:
            value = tried.validation.get(CRITERION, float("nan"))
            log.append({"settings": settings, CRITERION: value, "seconds": tried.seconds})
            value = -1.0 if np.isnan(value) else value
            if value > best_value:
                best, best_value = tried, value
        try:
            settings = proposals.send(value)
        except StopIteration:
            break
    assert best is not None
    return best, log


Grid = Mapping[str, tuple[Any, ...]]


def candidates(
    grid: Grid, open_ended: tuple[str, ...], defaults: dict[str, Any]
) -> Generator[dict[str, Any], float, None]:
    """Settings to try one after the other; ``send`` the value that each reached to get the next.

    First the defaults, then the other values of one setting after the other, at the best of the settings before. Of a
    setting that is open-ended, values beyond an end of the row are proposed as long as that end is the best: data that
    are far denser or sparser than those the grid was made for lie beyond it. Then, again and again, the number halfway
    (in the logarithm) between the best value of an open-ended setting and each neighbour. A grid without one ends. No
    settings are proposed twice.

    Args:
        grid: setting -> values, the default first.
        open_ended: the settings whose row may be extended.
        defaults: what comes first.
    """
    best, best_value = dict(defaults), -np.inf
    tried: list[dict[str, Any]] = []

    def attempt(settings: dict[str, Any]) -> Generator[dict[str, Any], float, None]:
        nonlocal best, best_value
        if settings not in tried:
            tried.append(settings)
            value = yield settings
            if value > best_value:
                best, best_value = settings, value

    yield from attempt(best)
    if not defaults:
        return
    rows = {setting: list(values) for setting, values in grid.items()}
    for setting, row in rows.items():
        base = dict(best)
        for value in row[1:]:
            yield from attempt({**base, setting: value})
        while setting in open_ended and (further := beyond(row, best[setting])) is not None:
            row.append(further)
            yield from attempt({**base, setting: further})
    proposed = True
    while proposed:
        proposed = False
        for setting, row in ((name, rows[name]) for name in open_ended):
            for value in halfway(row, best[setting]):
                proposed = True
                row.append(value)
                yield from attempt({**best, setting: value})


def beyond(row: list[Any], best: float) -> float | None:
    """The next value in the same ratio where ``best`` is the least or the largest positive number of the row."""
    numbers = sorted({value for value in row if value > 0})
    if len(numbers) < 2 or best not in (numbers[0], numbers[-1]):
        return None
    return numbers[0] ** 2 / numbers[1] if best == numbers[0] else numbers[-1] ** 2 / numbers[-2]


def halfway(row: list[Any], best: float) -> list[float]:
    """The geometric means of the best value and its neighbours in the row, unless they are within a twentieth.

    Of zero, half the least positive number.
    """
    numbers = sorted({value for value in row if value > 0})
    if best <= 0:
        return [numbers[0] / 2] if numbers else []
    at = numbers.index(best)
    neighbours = (*numbers[max(at - 1, 0) : at], *numbers[at + 1 : at + 2])
    return [float(np.sqrt(best * other)) for other in neighbours if abs(np.log(other / best)) > 0.05]
