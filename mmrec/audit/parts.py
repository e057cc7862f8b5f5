"""Parts of the listing in section 5, each small and really run: what comes out is an error text or a wrong figure."""

import re
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

LONGEST_ERROR = 150
TERMS = 1000
"""Width of the listing's TF-IDF rows (section 5.2.2)."""


def error_of(part: Callable[[], Any]) -> str:
    """What the part raises, shortened to its first sentence; '' when it runs."""
    try:
        part()
    except Exception as error:  # whatever the installed libraries raise is what the table is about
        return f"{type(error).__name__}: {_first_sentence(str(error))}"
    return ""


def _first_sentence(text: str) -> str:
    text = re.sub(r"\x1b\[\d*m", "", text)  # Keras writes in bold
    text = re.sub(r"Exception encountered when calling \S+\s+", "", " ".join(text.split()))
    # numbers that Keras gives to layers and tensors depend on what was made before
    text = re.sub(r"\b([a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*)_\d+\b", r"\1", text)
    text = re.split(r"(?<=[a-z\])])\. ", text)[0].rstrip(".")
    return text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 1] + "…"


def cut_unequal(ratings: int, products: int) -> None:
    """Section 5.2.1: columns of two tables that were never joined are cut into train and test together."""
    from sklearn.model_selection import train_test_split

    train_test_split(np.zeros(ratings), np.zeros(products), test_size=0.2, random_state=0)


def convolve_flat() -> None:
    """Section 5.2.3: a convolution over height and width is asked of 13 numbers in a row."""
    import keras

    keras.layers.Conv2D(4, 3)(keras.Input((13,)))


def feed_strings(texts: Sequence[str]) -> None:
    """Section 5.2.3: the columns of the table go into ``fit``, not the numbers that were made of them."""
    import keras
    import pandas as pd

    entrance = keras.Input((TERMS,))
    network = keras.Model(entrance, keras.layers.Dense(1, "sigmoid")(entrance))
    network.compile(loss="binary_crossentropy")
    network.fit(pd.Series(list(texts)), np.ones(len(texts)), verbose=0)


def feed_features_as_picture(side: int = 224) -> None:
    """Sections 5.2.3 and 5.2.4: the entrance takes pictures, and is given the flat features of one."""
    import keras

    entrance = keras.Input((side, side, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(entrance))
    network = keras.Model(entrance, keras.layers.Dense(1, "sigmoid")(pooled))
    network.predict(np.zeros((1, 512 * (side // 32) ** 2), np.float32), verbose=0)  # (1, VGG16's last maps, flat)


def embed_floats(rows: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Section 5.2.3: TF-IDF rows (n, V) enter an embedding, which takes whole numbers and cuts off the rest.

    Returns:
        texts: how many texts go in; distinct: how many different rows; vectors: how many different vectors come out.
    """
    import keras

    keras.utils.set_random_seed(seed)
    vectors = keras.layers.LSTM(4)(keras.layers.Embedding(TERMS, 4)(rows))  # (n, V, 4) -> (n, 4)
    count = len(np.unique(np.asarray(vectors).round(6), axis=0))
    return {"texts": len(rows), "distinct": len(np.unique(rows, axis=0)), "vectors": count}


def fit_stars(rows: np.ndarray, stars: np.ndarray, epochs: int = 6, seed: int = 0) -> dict[str, float]:
    """Section 5.2.3: cross-entropy, made for targets of 0 and 1, is given 1 to 5 and falls without end.

    Args:
        rows: (n, d) features.
        stars: (n,) ratings.

    Returns:
        first, last: the loss after the first and the last epoch; lowest, mean: of the scores; accuracy: as Keras
        counts it, a score above .5 being right where the rating is 1; one star: the share of such ratings.
    """
    import keras

    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")])
    network.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    history = network.fit(rows, stars, batch_size=512, epochs=epochs, shuffle=False, verbose=0).history
    scores = np.asarray(network(rows))  # (n, 1)
    return {
        "first": history["loss"][0],
        "last": history["loss"][-1],
        "lowest": float(scores.min()),
        "mean": float(scores.mean()),
        "accuracy": history["accuracy"][-1],
        "one star": float((stars == 1).mean()),
    }


def seconds_a_picture(pictures: int, rebuilt: bool, side: int = 224) -> float:
    """Section 5.2.2: VGG16 is made anew in the function that describes one picture. Mended: once, for all.

    The weights are random here, and so cost less than the listing's, which are also read from disk each time.
    """
    import keras

    def build() -> Any:
        return keras.applications.VGG16(include_top=False, weights=None, input_shape=(side, side, 3))

    picture = np.zeros((1, side, side, 3), np.float32)
    network = None if rebuilt else build()
    if network is not None:
        network.predict(picture, verbose=0)  # compiled before the clock runs, as for any long run
    start = time.perf_counter()
    for _ in range(pictures):
        (network or build()).predict(picture, verbose=0)
    return (time.perf_counter() - start) / pictures


def weights_of_vgg16() -> int:
    """How many weights each of the rebuilt networks has."""
    import keras

    return keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3)).count_params()


def best_of_chance(likes: np.ndarray, choices: int, rng: np.random.Generator) -> float:
    """Section 5.2.3: choose on the test among ``choices`` models that know nothing: the AUC of the best."""
    from scipy.stats import rankdata

    up, best = int(likes.sum()), 0.0
    for _ in range(choices):
        ranks = rankdata(rng.random(len(likes)))  # (N,)
        best = max(best, float(ranks[likes].sum() - up * (up + 1) / 2) / (up * (len(likes) - up)))
    return best


def scales(pictures: np.ndarray) -> dict[str, dict[str, float]]:
    """Section 5.2.2: what VGG16 is given there, and what Keras's own preparation for its weights gives.

    Args:
        pictures: (n, H, W, 3) uint8, RGB.

    Returns:
        given, expected -> lowest, mean, highest and deviation of the numbers.
    """
    import keras

    given = pictures / 255.0
    expected = keras.applications.vgg16.preprocess_input(pictures.astype(np.float32))
    return {
        name: {"lowest": values.min(), "mean": values.mean(), "highest": values.max(), "deviation": values.std()}
        for name, values in (("given", given), ("expected", expected))
    }


def keras_accuracy(scores: np.ndarray, targets: np.ndarray) -> float:
    """What the metric "accuracy" of a network with one sigmoid says: the share of targets equal to (score > .5)."""
    import keras

    metric = keras.metrics.BinaryAccuracy()
    metric.update_state(targets[:, None], scores[:, None])
    return float(metric.result())


def calibration(scores: np.ndarray, stars: np.ndarray, likes: np.ndarray, edges: Sequence[float]) -> list[dict]:
    """What scores mean: pairs sorted by score into bins, and what was observed in each.

    Args:
        scores: (N,) in (0, 1).
        stars: (N,) ratings of 1 to 5.
        likes: (N,) bool.
        edges: borders of the bins, rising.

    Returns:
        a row a bin: from, to, pairs, score (its mean), likes (their share), stars (their mean) and "as read in
        5.4" (score times five stars). NaN where a bin is empty.
    """
    rows = []
    for low, high in pairwise(edges):
        here = (scores >= low) & (scores < high)
        mean = [float(values[here].mean()) if here.any() else float("nan") for values in (scores, likes, stars)]
        names = ("score", "likes", "stars", "as read in 5.4")
        figures = dict(zip(names, (*mean, 5 * mean[0]), strict=True))
        rows.append({"from": low, "to": high, "pairs": int(here.sum()), **figures})
    return rows
