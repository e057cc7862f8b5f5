"""How alike items are in content, and which modality's similarity predicts likes by the same users.

Reference: Cristianini, Shawe-Taylor, Elisseeff and Kandola (2001), On kernel-target alignment, NeurIPS.
"""

import weakref

import numpy as np
from scipy.optimize import nnls
from sklearn.preprocessing import normalize

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.preprocessing import Preprocessor


def modality_similarities(features: Features, train: Interactions) -> dict[str, np.ndarray]:
    """Modality -> (I, I) float32, cosines of the items' scaled features about their mean; 0 where an item lacks it."""
    similarities = {}
    for name, table in Preprocessor.fit(features, train).tables(features).items():
        here = features.mask(name)  # (I,)
        centred = (table - table[here].mean(axis=0)) * here[:, None] if here.any() else table  # (I, d)
        unit = normalize(centred)
        similarities[name] = unit @ unit.T
    return similarities


def modality_weights(similarities: dict[str, np.ndarray], train: Interactions) -> dict[str, float]:
    """Weights >= 0 of the modalities, summing to 1: how well its similarity predicts which items are liked together.

    Least squares of the cosines between the items' training likes on the similarities, over pairs of different items
    that both have likes. All weigh alike where none of them helps.

    Args:
        similarities: modality -> (I, I).
        train: training rows.
    """
    liked = train.likes().matrix()  # (U, I)
    known = np.flatnonzero(np.asarray(liked.sum(axis=0)).ravel())
    if not len(known):
        return dict.fromkeys(similarities, 1 / max(len(similarities), 1))
    unit = normalize(liked[:, known], axis=0)
    together = np.asarray((unit.T @ unit).todense())  # (n, n)
    columns = [similarity[np.ix_(known, known)] for similarity in similarities.values()]
    for square in (together, *columns):
        np.fill_diagonal(square, 0)
    normal = np.array([[np.vdot(one, other) for other in columns] for one in columns], float)  # (m, m)
    target = np.array([np.vdot(one, together) for one in columns], float)  # (m,)
    found = nnls(normal, target)[0]
    total = found.sum()
    shares = found / total if total > 0 else np.full(len(columns), 1 / max(len(columns), 1))
    return dict(zip(similarities, shares.tolist(), strict=True))


_latest: dict[tuple[int, int], np.ndarray] = {}
"""What ``content_similarity`` gave last, for the features and rows that it was made of as long as these live."""


def content_similarity(features: Features, train: Interactions) -> np.ndarray:
    """(I, I) float32: the modalities' similarities, weighed by ``modality_weights``; a positive semidefinite matrix.

    It depends on no setting, so that a search over settings asks for the same one again and again: the last is kept.

    Returns:
        An array that is not to be written to.
    """
    key = id(features), id(train)
    if key not in _latest:
        _latest.clear()
        _latest[key] = _mixed(features, train)
        for part in (features, train):  # an id may be given again to what comes after it
            weakref.finalize(part, _latest.pop, key, None)
    return _latest[key]


def _mixed(features: Features, train: Interactions) -> np.ndarray:
    similarities = modality_similarities(features, train)
    shares = modality_weights(similarities, train)
    mixed = np.zeros((len(features.item_ids),) * 2, np.float32)
    for name, similarity in similarities.items():
        mixed += shares[name] * similarity
    mixed.flags.writeable = False
    return mixed
