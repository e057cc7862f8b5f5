"""What each part of the listing does when it is run: an error text, or a wrong number in words."""

from collections.abc import Callable

import numpy as np

from mmrec.evaluation.metrics import top_k
from studies.listing import parts
from studies.listing.faults import FAULTS, Fault, Faults
from studies.listing.inputs import cut_rows
from studies.listing.pipeline import Audit
from studies.listing.program import CRASHES, branches

NINE, ONE = (0.85, 0.95), (0.05, 0.15)
"""Scores that count as about .9, the score that section 5.4 explains, and as about .1."""


def when_run(audit: Audit) -> dict[str, str]:
    """Switch -> what happens, in the order of ``FAULTS``; the same for the same catalogue and seed."""
    return {fault.name: _OF[fault.name](audit) if fault.name in _OF else _error(audit, fault) for fault in FAULTS}


def _error(audit: Audit, fault: Fault) -> str:
    """As the program as printed raises it once all before it are repaired."""
    later = CRASHES[CRASHES.index(fault.name) :]
    return audit.error(Faults(**dict.fromkeys(later, True))) or "no error with these tables"


def _single_score(audit: Audit) -> str:
    return f"one number, for 1 of {len(audit.inputs.catalogue.item_ids)} items"


def _stars(audit: Audit) -> str:
    found = parts.fit_stars(*audit.media_and_stars(), seed=audit.seed, **parts.QUICK)
    return f"the loss falls to {found['last']:.1f}; the lowest score is {found['lowest']:.4f}"


def _accuracy(audit: Audit) -> str:
    wrong, right = audit.run(Faults(accuracy=True)), audit.run(Faults())
    return f"accuracy {wrong.reported:.3f} of a network with AUC {right.auc:.3f}"


def _positions(audit: Audit) -> str:
    rows = audit.inputs.catalogue.interactions
    return f"{np.mean(rows.row % rows.n_items == rows.item):.1%} of the ratings are next to their own product"


def _float_indices(audit: Audit) -> str:
    found = parts.embed_floats(audit.item_texts(32), audit.seed)
    return f"{found['distinct']} different texts, {found['vectors']} vector(s)"


def _raw_pictures(audit: Audit) -> str:
    width = branches()
    return f"pixels fill {width['image']:,} of the {sum(width.values()):,} numbers that the output reads"


def _rebuilt_network(audit: Audit) -> str:
    pictures = int(audit.inputs.features.mask("image").sum())
    return f"{pictures} networks of {parts.weights_of_vgg16() / 1e6:.1f} million weights for {pictures} pictures"


def _picture_scale(audit: Audit) -> str:
    found = parts.scales(audit.inputs.pictures[:32])
    given, expected = (found[name]["deviation"] for name in ("given", "expected"))
    return f"numbers of deviation {given:.2f} where the weights were trained on {expected:.0f}"


def _raw_features(audit: Audit) -> str:
    length = audit.lengths(Faults(raw_features=True))
    return ", ".join(f"{name} {value:.1f}" for name, value in length.items()) + ": mean lengths of the vectors"


def _review(audit: Audit) -> str:
    found = audit.run(Faults(review=True))
    return f"AUC {found.reported:.3f} with the test's own reviews, {found.auc:.3f} without them"


def _no_user(audit: Audit) -> str:
    scores = audit.fitted(Faults(no_user=True)).scores
    items = top_k(scores, np.ones(scores.shape, bool), 20, np.random.default_rng(0))
    return f"{len(np.unique(items, axis=0))} list for {len(items)} users"


def _row_split(audit: Audit) -> str:
    train, _, test = cut_rows(audit.inputs.past, np.random.default_rng(audit.seed))
    latest = np.full(train.n_users, -np.inf)
    np.maximum.at(latest, train.user, train.timestamp)
    later, known = np.mean(latest[test.user] > test.timestamp), np.isin(test.item, train.item).mean()
    return f"{later:.0%} of the test is older than a training row of the same user; {known:.0%} of its items are known"


def _misread_score(audit: Audit) -> str:
    (nine,), (one,) = (parts.calibration(*audit.test(), about) for about in (NINE, ONE))
    told = [f"{found['as read in 5.4']:.1f} stars read, {found['stars']:.1f} given" for found in (nine, one)]
    return f"scores about .9: {nine['likes']:.0%} are likes, {told[0]}; about .1: {told[1]}"


_OF: dict[str, Callable[[Audit], str]] = {
    "single_score": _single_score,
    "stars": _stars,
    "accuracy": _accuracy,
    "positions": _positions,
    "float_indices": _float_indices,
    "raw_pictures": _raw_pictures,
    "rebuilt_network": _rebuilt_network,
    "picture_scale": _picture_scale,
    "raw_features": _raw_features,
    "review": _review,
    "no_user": _no_user,
    "row_split": _row_split,
    "misread_score": _misread_score,
}
