"""Which of the true factors a model knows: how well each can be read off the scores that it gives.

Reference: Alain and Bengio (2017), Understanding intermediate layers using linear classifier probes, ICLR workshop.
"""

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.utils.extmath import randomized_svd

from mmrec.simulation.scenarios import SCENARIOS
from mmrec.simulation.truth import Truth

DIMENSIONS = 32


def item_vectors(scores: np.ndarray, dimensions: int = DIMENSIONS) -> np.ndarray:
    """(I, d): items as the main directions in which users' scores of them differ.

    Args:
        scores: (U, I) of a model; each user's are standardised first, so that no user outweighs another.
        dimensions: d.
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    unit = centred / np.where(spread > 0, spread, 1)
    _, size, right = randomized_svd(unit.T @ unit / len(unit), min(dimensions, scores.shape[1]), random_state=0)
    return right.T * np.sqrt(size)


def factor_knowledge(vectors: np.ndarray, truth: Truth, scenario: str = "movies", seed: int = 0) -> dict[str, float]:
    """Factor -> R^2 of the factor predicted from item vectors by ridge regression, cross-validated over items.

    0 is to know nothing, 1 all. A factor of several columns counts by their variance.

    Args:
        vectors: (I, d), of a model (``item_vectors``) or of features.
        truth: of the simulated catalogue.
        scenario: whose factors they are.
        seed: of the folds.
    """
    spread = vectors.std(axis=0)
    inputs = (vectors - vectors.mean(axis=0)) / np.where(spread > 0, spread, 1)
    folds = KFold(5, shuffle=True, random_state=seed)
    told = cross_val_predict(RidgeCV(np.logspace(-1, 5, 13)), inputs, truth.items, cv=folds)  # (I, D)
    known, at = {}, 0
    for factor in SCENARIOS[scenario].factors:
        columns = slice(at, at + factor.columns)
        at = columns.stop
        score = r2_score(truth.items[:, columns], told[:, columns], multioutput="variance_weighted")
        known[factor.name] = max(float(score), 0.0)
    return known
