"""Parts of the listing in section 5 that run and do the wrong thing, each small and really run."""

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LONGEST_ERROR = 150
TERMS = 1000
"""Width of the listing's TF-IDF rows (section 5.2.2)."""
MFCCS = 13
"""Coefficients of a sound (section 5.2.2)."""
PRINTED = 0.9024
"""The score that section 5.4 reports."""
QUICK: dict[str, Any] = {"epochs": 6, "batch_size": 512, "learning_rate": 0.01}
"""Settings of ``fit_stars`` that take a second."""


def error_of(part: Callable[[], Any]) -> str:
    """What the part raises, as ``message`` has it; '' when it runs."""
    try:
        part()
    except Exception as error:  # whatever the installed libraries raise is what the table is about
        return message(error)
    return ""


def message(error: Exception) -> str:
    """Kind and text of an error on one line: the whole text where it is short, else its first sentence.

    Keras's bold type, its running numbers of layers and the folders of paths are removed: they differ from run to run
    and from machine to machine.
    """
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    text = re.sub(r"Exception encountered when calling \S+\s+", "", " ".join(text.split()))
    text = re.sub(r"\b([a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*)_\d+\b", r"\1", text)
    text = re.sub(r"(?<![\w.])/(?:[^\s'\"/]+/)+([^\s'\"/]+)", r"\1", text)
    if len(text) > LONGEST_ERROR:
        text = re.split(r"(?<=[a-z\])])\. ", text)[0]
    text = text.rstrip(".")
    shown = text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 1] + "…"
    return f"{type(error).__name__}: {shown}"


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


def fit_stars(
    rows: np.ndarray,
    stars: np.ndarray,
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> dict[str, Any]:
    """Section 5.2.3: cross-entropy, made for targets of 0 and 1, is given 1 to 5 and falls without end.

    Args:
        rows: (n, d) features.
        stars: (n,) ratings.
        epochs, batch_size, learning_rate: as in the document, which leaves Adam at Keras's rate.
        seed: of the weights.

    Returns:
        rows: n.
        steps: of the optimiser.
        first, last: the loss after the first and the last epoch.
        lowest, mean: of the scores.
        rounded: how many scores round to ``PRINTED``.
        accuracy: as Keras counts it, a score above .5 is right where the rating is 1.
        one star: the share of such ratings.
    """
    import keras

    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")])
    optimiser = keras.optimizers.Adam(learning_rate)
    network.compile(optimiser, "binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    fitted = network.fit(rows, stars, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0)
    history, scores = fitted.history, np.asarray(network(rows))  # (n, 1)
    return {
        "rows": len(rows),
        "steps": epochs * -(-len(rows) // batch_size),
        "first": history["loss"][0],
        "last": history["loss"][-1],
        "lowest": float(scores.min()),
        "mean": float(scores.mean()),
        "rounded": int((np.round(scores.astype(np.float64), 4) == PRINTED).sum()),
        "accuracy": history["accuracy"][-1],
        "one star": float((stars == 1).mean()),
    }


def floats_printed_short(low: float, high: float, decimals: int = 4) -> tuple[int, int]:
    """Float32 numbers in [low, high), 0 < low: how many NumPy prints with exactly ``decimals``, and how many exist.

    NumPy prints the shortest decimal number that no other float32 is nearer to.
    """
    first, last = np.array([low, high], np.float32).view(np.int32)
    numbers = np.arange(first, last, dtype=np.int32).view(np.float32)  # all of them: neighbours differ by one bit

    def short(places: int) -> np.ndarray:
        return np.round(numbers.astype(np.float64), places).astype(np.float32) == numbers

    return int((short(decimals) & ~short(decimals - 1)).sum()), len(numbers)


def tokens(texts: Sequence[str]) -> list[str]:
    """Section 5.2.2: the terms that ``TfidfVectorizer`` makes of texts, in the order of its columns."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return list(TfidfVectorizer(max_features=TERMS).fit(texts).get_feature_names_out())


def read_as_sequence(texts: Sequence[str], seed: int = 0) -> dict[str, float]:
    """Section 5.2.3: an LSTM reads the columns of the vocabulary one after the other, not the words of a text.

    Word counts take the place of TF-IDF weights, which an embedding cannot read at all (``embed_floats``).

    Args:
        texts: first two with the same words in two orders; more of them only add columns.

    Returns:
        the largest difference between the LSTM's outputs for the two texts, and between its outputs for one text
        when the columns are in alphabetical and in reverse order.
    """
    import keras
    from sklearn.feature_extraction.text import CountVectorizer

    keras.utils.set_random_seed(seed)
    counts = CountVectorizer().fit_transform(texts).toarray()  # (n, V)
    embed, read = keras.layers.Embedding(TERMS, 4), keras.layers.LSTM(4)
    one, two, reverse = (np.asarray(read(embed(rows))) for rows in (counts[:1], counts[1:2], counts[:1, ::-1]))
    return {
        "the same words in another order": float(abs(one - two).max()),
        "the same text, columns in another order": float(abs(one - reverse).max()),
    }


def score_praise(texts: Sequence[str], likes: np.ndarray, sentences: Sequence[str]) -> tuple[list[float], list[int]]:
    """Section 5.2.4: scores of single sentences, by a logistic regression on TF-IDF rows of reviews.

    Args:
        texts: (n,) reviews of the training rows.
        likes: (n,) bool.
        sentences: what is written about a film after seeing it.

    Returns:
        the scores, and how many words of each sentence the vocabulary has. The film takes no part.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    weights = TfidfVectorizer(max_features=TERMS)
    reader = LogisticRegression().fit(weights.fit_transform(texts), likes)
    rows = weights.transform(sentences)
    return reader.predict_proba(rows)[:, 1].tolist(), rows.getnnz(axis=1).tolist()


def channels() -> dict[str, list[int]]:
    """Section 5.2.2: one red picture, as OpenCV reads it, and as Keras prepares either order for VGG16 (mean added)."""
    import cv2
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "red.png")
        Image.new("RGB", (2, 2), "red").save(path)
        read = cv2.imread(path)  # (2, 2, 3)
    assert read is not None
    prepare = keras.applications.vgg16.preprocess_input
    mean = prepare(np.zeros((1, 1, 3), np.float32))[0, 0]  # what is subtracted, negative
    made = {
        "read by OpenCV": read,
        "prepared from OpenCV's order": prepare(read.astype(np.float32)) - mean,
        "prepared from RGB": prepare(read[..., ::-1].astype(np.float32)) - mean,
    }
    return {name: np.rint(values[0, 0]).astype(int).tolist() for name, values in made.items()}


def mean_mfccs(path: Any) -> np.ndarray:
    """(13,) float32 of a sound file, as in section 5.2.2."""
    import librosa

    sound, rate = librosa.load(path)
    return np.mean(librosa.feature.mfcc(y=sound, sr=rate, n_mfcc=MFCCS).T, axis=0)


def compare_mp3(paths: Sequence[Path]) -> dict[str, float]:
    """Section 5.2.4: sounds stored as mp3 give other MFCCs than the files they were made from.

    Args:
        paths: sound files, at least two.

    Returns:
        to itself: mean distance between a sound's 13 numbers and those of its mp3; to others: mean distance
        between two sounds.
    """
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "sound.mp3"
        before, after = [], []
        for path in paths:
            soundfile.write(copy, *soundfile.read(path), format="MP3")
            before.append(mean_mfccs(path))
            after.append(mean_mfccs(copy))
    one, two = np.array(before), np.array(after)  # each (n, 13)
    apart = np.linalg.norm(one[:, None] - one, axis=2)  # (n, n)
    others = apart[~np.eye(len(one), dtype=bool)]
    return {"to itself": float(np.linalg.norm(one - two, axis=1).mean()), "to others": float(others.mean())}


def seconds_a_picture(pictures: int, rebuilt: bool, side: int = 224) -> float:
    """Section 5.2.2: VGG16 is built in the function that describes one picture. Repaired: once, for all pictures.

    The weights are random, and so cost less than the document's, which are also read from disk each time.

    Returns:
        processor seconds of the fastest of the pictures: other work on the machine can only add to them.
    """
    import keras

    def build() -> Any:
        return keras.applications.VGG16(include_top=False, weights=None, input_shape=(side, side, 3))

    picture = np.zeros((1, side, side, 3), np.float32)
    network = None if rebuilt else build()
    if network is not None:
        network.predict(picture, verbose=0)  # compiled before the clock runs, as for any long run
    spent = []
    for _ in range(pictures):
        start = time.process_time()
        (network or build()).predict(picture, verbose=0)
        spent.append(time.process_time() - start)
    return min(spent)


def weights_of_vgg16() -> int:
    """How many weights each of the rebuilt networks has."""
    import keras

    return keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3)).count_params()


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
