"""Fused item features for linear policies: all modalities side by side, reduced to a few columns.

Source: section 3.2.2 of the document (fusion by concatenation) and formula (4), F_concat = [X; O; M].
"""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.preprocessing import Preprocessor


def fused_features(features: Features, train: Interactions, size: int = 16) -> np.ndarray:
    """A constant and the leading principal components of the standardised concatenation of all modalities.

    Scales are learned from the items with a training row (``Preprocessor``), and so are mean and components. No rating
    is read. The components keep their relative lengths; together they have mean squared length 1 over those items.

    Args:
        features: of all items.
        train: which items count as known.
        size: number of components.

    Returns:
        (I, 1 + size) float64; the first column is 1.

    Raises:
        InputError: the modalities give fewer components than ``size``.
    """
    blocks = Preprocessor.fit(features, train).tables(features)
    whole = np.hstack(list(blocks.values())).astype(np.float64)  # (I, D)
    known = train.known_items()  # (I,)
    centred = whole - whole[known].mean(axis=0)  # (I, D)
    if size > min(int(known.sum()), whole.shape[1]):
        raise InputError(f"{size} components cannot be had of {int(known.sum())} items with {whole.shape[1]} columns")
    _, _, directions = np.linalg.svd(centred[known], full_matrices=False)  # (r, D)
    directions = directions[:size]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)  # (size, 1)
    components = centred @ (directions * np.sign(largest)).T  # (I, size), signs the same on every machine
    components /= np.sqrt((components[known] ** 2).sum(axis=1).mean())
    return np.hstack([np.ones((len(components), 1)), components])
