"""Names of the 1,000 classes of ImageNet, in the order of every network trained on them.

Each is the first term of the class's synset in WordNet (Princeton University; free to use with its notice); a term
that names two classes has a second one added. Reference: Russakovsky et al. (2015), ImageNet large scale visual
recognition challenge.
"""

import json
from functools import cache
from importlib.resources import files

import numpy as np


@cache
def class_names() -> tuple[str, ...]:
    """The 1,000 names."""
    return tuple(json.loads(files("mmrec.data").joinpath("imagenet.json").read_text(encoding="utf-8")))


def best_classes(logits: np.ndarray, k: int = 3) -> list[list[tuple[str, float]]]:
    """The k likeliest classes of each picture, with the softmax of its logits as confidence.

    Args:
        logits: (B, 1000).
        k: classes for each picture.

    Returns:
        B lists of (name, probability), the likeliest first.
    """
    logits = np.asarray(logits, np.float64)  # (B, 1000)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))  # (B, 1000)
    share = powers / powers.sum(axis=1, keepdims=True)  # (B, 1000)
    names = class_names()
    return [[(names[c], float(row[c])) for c in np.argsort(-row, kind="stable")[:k]] for row in share]
