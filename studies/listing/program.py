"""The statements of section 5 in our own minimal code, in the document's order, with its shapes, types and calls.

``Program.run`` runs them from the first to the last. Each of ``CRASHES`` stops the program with an error of the library
that was called; the repairs that are named make that statement run. Else only sizes differ from the document that no
error depends on: how many rows the network reads and how wide its LSTM is. The weights of VGG16 are random.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmrec.data.catalogue import Catalogue
from studies.listing.parts import MFCCS, TERMS, mean_mfccs, message

SIDE, UNITS = 224, 512
"""Height and width of a picture, and units of the LSTM in the document."""

CRASHES = ("lengths", "missing", "flat_convolution", "strings", "narrow", "batch_axis", "served_features")
"""The faults that stop the program, in the order in which they are met; the names are switches of ``Faults``."""

PRAISE, COMPLAINT = "Wonderful, I loved it!", "Boring, a disappointment."
"""What users write after seeing a film; the text of the document's example is praise of this kind."""


@dataclass
class Trace:
    """What one run of the program did.

    Attributes:
        error: of the statement that failed, shortened; '' when the last line was reached.
        section: of the last statement that was started.
        shapes: names of the arguments of the last call of ``fit`` or ``predict`` -> shape.
        loss: after each epoch.
        printed: what the last line prints; '' where it was not reached.
        score: the number in it.
    """

    error: str = ""
    section: str = ""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    loss: list[float] = field(default_factory=list)
    printed: str = ""
    score: float = float("nan")


class Program:
    """The program on the two tables of a catalogue.

    Args:
        users: table with columns text and rating.
        products: table with columns image and audio: paths.
        folder: where the paths start.
        rows: how many training rows are read by the network; half as many for validation. Splitting and TF-IDF
            always take the whole tables.
        units: of the LSTM.
        epochs: as in the document.
        seed: of the weights.
    """

    def __init__(
        self,
        users: pd.DataFrame,
        products: pd.DataFrame,
        folder: Path | str,
        rows: int = 8,
        units: int = 8,
        epochs: int = 10,
        seed: int = 0,
    ) -> None:
        self.users, self.products, self.folder = users, products, Path(folder)
        self.rows, self.units, self.epochs, self.seed = rows, units, epochs, seed
        self._described: dict[tuple[str, str], np.ndarray] = {}
        self._trained: dict[tuple[frozenset[str], bool], tuple[list[np.ndarray], list[float]]] = {}

    @classmethod
    def of(cls, catalogue: Catalogue, **settings: Any) -> "Program":
        """The program on the files of a catalogue."""
        users, products = (pd.read_csv(catalogue.folder / f"{name}_data.csv") for name in ("user", "product"))
        return cls(users, products, catalogue.folder, **settings)

    def run(self, repaired: Collection[str] = (), spoil_joined: bool = False) -> Trace:
        """Run all statements until one fails.

        Args:
            repaired: those of ``CRASHES`` that are repaired.
            spoil_joined: overwrite the concatenated matrices by NaN once they are made.
        """
        unknown = set(repaired) - set(CRASHES)
        if unknown:
            raise ValueError(f"no crash of the program: {', '.join(sorted(unknown))}")
        trace = Trace()
        try:
            self._run(trace, frozenset(repaired), spoil_joined)
        except Exception as error:  # whatever the installed libraries raise is the result
            trace.error = message(error)
        return trace

    def steps(self) -> list[Trace]:
        """The program as printed, and after each repair of ``CRASHES`` in turn: one run more than repairs."""
        return [self.run(CRASHES[:count]) for count in range(len(CRASHES) + 1)]

    def _run(self, trace: Trace, repaired: frozenset[str], spoil_joined: bool) -> None:
        import keras
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.model_selection import train_test_split

        keras.utils.set_random_seed(self.seed)
        trace.section = "5.2.1"
        users, products = self.users, self.products
        if "lengths" in repaired:
            products = products.iloc[np.arange(len(users)) % len(products)].reset_index(drop=True)
        if "missing" in repaired:
            spoken, seen = users["text"].notna(), products[["image", "audio"]].notna().all(axis=1)
            if len(users) == len(products):  # a row goes with its partner
                spoken = seen = spoken & seen
            users, products = users[spoken], products[seen]
        columns = users["text"], products["image"], products["audio"], users["rating"]
        text, text_test, image, image_test, audio, audio_test, stars, stars_test = train_test_split(
            *columns, test_size=0.2, random_state=42
        )

        trace.section = "5.2.2"
        weights = TfidfVectorizer(max_features=TERMS)
        tfidf, tfidf_test = weights.fit_transform(text), weights.transform(text_test)  # (n, V), V <= 1000
        train, test = slice(self.rows), slice(self.rows // 2)
        text, image, audio, stars, tfidf = text[train], image[train], audio[train], stars[train], tfidf[train]
        text_test, image_test, audio_test, stars_test = (
            column[test] for column in (text_test, image_test, audio_test, stars_test)
        )
        tfidf_test = tfidf_test[test]
        o, o_test = self._all(self.describe_picture, image), self._all(self.describe_picture, image_test)  # (n, 25088)
        m, m_test = self._all(self.describe_sound, audio), self._all(self.describe_sound, audio_test)  # (n, 13)

        trace.section = "5.2.3"
        joined = [np.hstack(blocks) for blocks in ((tfidf.toarray(), o, m), (tfidf_test.toarray(), o_test, m_test))]
        if spoil_joined:
            for matrix in joined:
                matrix[:] = np.nan
        words = tfidf.shape[1] if "narrow" in repaired else TERMS
        network = build(words, self.units, "flat_convolution" in repaired)
        network.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        before = repaired - {"batch_axis", "served_features"}, spoil_joined
        fed, fed_test = [text, image, audio], [text_test, image_test, audio_test]
        if "strings" in repaired:
            fed = [tfidf.toarray(), self._all(self.pixels, image), m]
            fed_test = [tfidf_test.toarray(), self._all(self.pixels, image_test), m_test]
        trace.shapes = _shapes(fed)
        if before not in self._trained:  # repairs of the last line do not change the training before it
            history = network.fit(
                fed, stars, batch_size=32, epochs=self.epochs, validation_data=(fed_test, stars_test), verbose=0
            )
            self._trained[before] = network.get_weights(), history.history["loss"]
        # a fresh network: one that has predicted before can raise another error for the same input
        network = build(words, self.units, "flat_convolution" in repaired)
        weights_after, trace.loss = self._trained[before]
        network.set_weights(weights_after)

        trace.section = "5.2.4"
        x = weights.transform([PRAISE]).toarray()  # (1, V)
        picture, sound = self.describe_picture(image.iloc[0]), self.describe_sound(audio.iloc[0])  # (25088,), (13,)
        if "served_features" in repaired:
            picture = self.pixels(image.iloc[0])  # (224, 224, 3)
        if "batch_axis" in repaired:
            picture, sound = picture[None], sound[None]
        trace.shapes = _shapes([x, picture, sound])
        score = network.predict([x, picture, sound], verbose=0)  # (1, 1)
        trace.printed, trace.score = str(score), float(score[0, 0])

    def _all(self, describe: Callable[[Any], np.ndarray], paths: pd.Series) -> np.ndarray:
        return np.array([describe(path) for path in paths])

    @cached_property
    def vgg16(self) -> Any:
        """Built once: what the document's rebuilding costs is measured in ``parts.seconds_a_picture``."""
        import keras

        return keras.applications.VGG16(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))

    def pixels(self, path: Any) -> np.ndarray:
        """(224, 224, 3) float64 in [0, 1]: what the document makes of a picture before VGG16."""
        import cv2

        image: Any = cv2.imread(path if not isinstance(path, str) else str(self.folder / path))
        return cv2.resize(image, (SIDE, SIDE)) / 255.0

    def describe_picture(self, path: Any) -> np.ndarray:
        """(25088,) float32: the last maps of VGG16, flat, without a batch axis."""
        return self._once("image", path, lambda: self.vgg16.predict(self.pixels(path)[None], verbose=0).flatten())

    def describe_sound(self, path: Any) -> np.ndarray:
        """(13,) float32: mean MFCCs, without a batch axis."""
        return self._once("audio", path, lambda: mean_mfccs(path if not isinstance(path, str) else self.folder / path))

    def _once(self, kind: str, path: Any, describe: Callable[[], np.ndarray]) -> np.ndarray:
        """The same file has the same features in every run."""
        if (kind, path) not in self._described:
            self._described[kind, path] = describe()
        return self._described[kind, path]


def build(words: int = TERMS, units: int = UNITS, dense_audio: bool = False) -> Any:
    """The network of section 5.2.3: inputs (words,), (224, 224, 3) and (13,), one output.

    Args:
        words: width of the text input.
        units: of the LSTM.
        dense_audio: a dense layer over the 13 numbers in place of the convolution, which refuses them.
    """
    from keras import Input, Model, layers

    def convolve(entrance: Any) -> Any:
        return layers.Flatten()(layers.MaxPooling2D((2, 2))(layers.Conv2D(32, (3, 3), activation="relu")(entrance)))

    text, image, audio = Input((words,)), Input((SIDE, SIDE, 3)), Input((MFCCS,))
    x = layers.LSTM(units)(layers.Embedding(TERMS, UNITS)(text))  # (B, units)
    o = convolve(image)  # (B, 394272)
    m = layers.Dense(32, activation="relu")(audio) if dense_audio else convolve(audio)  # (B, 32)
    merged = layers.Concatenate()([x, o, m])
    return Model([text, image, audio], layers.Dense(1, activation="sigmoid")(merged))


def branches() -> dict[str, int]:
    """Modality -> how many numbers of the merged vector it has, with the widths of section 5.2.3."""
    network = build(dense_audio=True)
    (merge,) = (layer for layer in network.layers if type(layer).__name__ == "Concatenate")
    return dict(zip(("text", "image", "audio"), (part.shape[-1] for part in merge.input), strict=True))


def _shapes(values: list[Any]) -> dict[str, tuple[int, ...]]:
    return dict(zip(("text", "image", "audio"), (tuple(value.shape) for value in values), strict=True))
