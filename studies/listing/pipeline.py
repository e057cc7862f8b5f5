"""The listing of section 5 as one pipeline with a switch for each fault, always judged by the same honest test."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import keras
import numpy as np

from mmrec.data.catalogue import LIKE_THRESHOLD, Catalogue, Interactions
from mmrec.data.split import Split, by_time
from mmrec.evaluation.metrics import auc
from mmrec.evaluation.protocol import Evaluation, evaluate
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.seeding import set_seed
from studies.listing import parts
from studies.listing.faults import Faults
from studies.listing.inputs import Inputs, cut_rows, pair_by_position
from studies.listing.network import AuditNetwork
from studies.listing.program import CRASHES, Program

ASKED = 0
"""The item whose score the listing prints (section 5.2.4)."""


@dataclass(frozen=True)
class Result:
    """What a pipeline reaches.

    Attributes:
        auc, ndcg: AUC and NDCG@20 on the test rows of the split by time, at the epoch chosen on validation rows;
            NaN where the pipeline does not run.
        reported: what the pipeline says of itself, by its own rows and texts.
        measure: the name of that metric, AUC or accuracy.
        error: what is raised, shortened; '' when it runs.
    """

    auc: float = float("nan")
    ndcg: float = float("nan")
    reported: float = float("nan")
    measure: str = ""
    error: str = ""


@dataclass(frozen=True)
class Fitted:
    """A trained network.

    Attributes:
        scores: (U, I) at the epoch chosen on validation rows.
        rows: the rows that the pipeline reports on.
        row_scores: (n,) their scores at that epoch.
    """

    scores: np.ndarray
    rows: Interactions
    row_scores: np.ndarray


class Audit:
    """Pipelines over one catalogue; each network is trained once, whatever is asked of it.

    Args:
        catalogue: with all three modalities and reviews.
        seed: of weights, of the order of rows and of a split over rows.
        epochs, batch_size, learning_rate: of the Adam optimiser.
        compiled: False for a small catalogue, where compiling takes longer than the training itself.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        seed: int = 0,
        epochs: int = 6,
        batch_size: int = 1024,
        learning_rate: float = 1e-2,
        compiled: bool = True,
    ) -> None:
        self.inputs, self.seed = Inputs(catalogue), seed
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.compiled = compiled
        # items that a user rated before the test, trained on or not, are not candidates for a list: a split over rows
        # trains on some of it
        self.judge = replace(self.inputs.split, train=self.inputs.past)
        self._fitted: dict[Faults, Fitted] = {}
        self.program = Program.of(catalogue, seed=seed)
        self._errors: dict[tuple[str, ...], str] = {}

    def run(self, faults: Faults) -> Result:
        """Run the pipeline with these faults."""
        if error := self.error(faults):
            return Result(error=error)
        honest, ndcg = self.rated(faults).summary["auc"], self.lists(faults).summary["ndcg@20"]
        return Result(honest, ndcg, *self._report(faults, self.fitted(faults)))

    def error(self, faults: Faults) -> str:
        """The error of the first statement of the document's program that fails; '' when it runs to the last line."""
        repaired = tuple(name for name in CRASHES if not getattr(faults, name))
        if len(repaired) == len(CRASHES):
            return ""
        if repaired not in self._errors:
            self._errors[repaired] = self.program.run(repaired).error
        return self._errors[repaired]

    def rated(self, faults: Faults) -> Evaluation:
        """The honest test of the scores of a pipeline that runs: its AUC counts."""
        return self._judge(self.fitted(faults).scores)

    def lists(self, faults: Faults) -> Evaluation:
        """The honest test of its lists: NDCG counts."""
        scores = self.fitted(faults).scores
        if faults.single_score:  # all but one item go without a score
            scores = np.where(np.arange(scores.shape[1]) == ASKED, scores, 0)  # (U, I)
        return self._judge(scores)

    def fitted(self, faults: Faults) -> Fitted:
        """The network with these faults, trained at the first call."""
        faults = faults.training()
        if faults not in self._fitted:
            self._fitted[faults] = self._fit(faults, self.inputs.split)
        return self._fitted[faults]

    def test(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores, stars and likes of the honest test's rows, each (N,), by the fully repaired pipeline."""
        rows = self.inputs.split.test["warm"]
        return self.fitted(Faults()).scores[rows.user, rows.item], rows.rating, rows.rating >= LIKE_THRESHOLD

    def chance(self) -> Result:
        """Scores drawn at random: what a metric must beat."""
        drawn = np.random.default_rng(self.seed).random((self.inputs.past.users, self.inputs.past.items))
        summary = self._judge(drawn).summary
        return Result(summary["auc"], summary["ndcg@20"])

    def newcomers(self) -> dict[str, float]:
        """Case -> AUC of the repaired pipeline where a tenth of the items and of the users are never trained on.

        A split over rows cannot give this number: it has every item and user on both sides.
        """
        split = by_time(self.inputs.catalogue.interactions, cold_items=0.1, cold_users=0.1, seed=self.seed)
        scores = _Scores(self._fit(Faults(), split).scores)
        return {case: evaluate(scores, split, case).summary["auc"] for case in split.test}

    def media_and_stars(self) -> tuple[np.ndarray, np.ndarray]:
        """Training rows as the parts read them: scaled pictures and sounds (N, d), and stars (N,)."""
        train = self.inputs.split.train
        tables = self.inputs.tables(Faults(), train)
        return np.concatenate([tables["image"], tables["audio"]], axis=1)[train.item], train.rating

    def item_texts(self, count: int) -> np.ndarray:
        """(count, 1000): TF-IDF rows of the first items that have a text."""
        rows = self.inputs.tables(Faults(), self.inputs.split.train)["text"]  # (I, V)
        rows = rows[self.inputs.features.mask("text")][:count]
        return np.pad(rows, ((0, 0), (0, parts.TERMS - rows.shape[1])))

    def lengths(self, faults: Faults) -> dict[str, float]:
        """Modality -> mean length of the vectors of the items that have it."""
        tables = self.inputs.tables(faults, self.inputs.split.train)
        here = {name: self.inputs.features.mask(name) for name in tables}
        return {name: float(np.linalg.norm(table[here[name]], axis=1).mean()) for name, table in tables.items()}

    def _judge(self, scores: np.ndarray) -> Evaluation:
        return evaluate(_Scores(scores), self.judge)

    def _report(self, faults: Faults, fitted: Fitted) -> tuple[float, str]:
        rows = fitted.rows
        if faults.accuracy:
            return parts.keras_accuracy(fitted.row_scores, rows.rating), "accuracy"
        return auc(fitted.row_scores, rows.rating >= LIKE_THRESHOLD), "AUC"

    def _fit(self, faults: Faults, split: Split) -> Fitted:
        rng = np.random.default_rng(self.seed)
        train, validation, test = split.train, split.validation, split.test["warm"]
        if faults.row_split:
            train, validation, test = cut_rows(self.inputs.past, rng)
        if faults.positions:
            train, validation, test = (pair_by_position(rows) for rows in (train, validation, test))
        train = train.take(rng.permutation(len(train)))
        texts = self.inputs.texts(faults, train, train, validation, test)
        set_seed(self.seed)
        network = AuditNetwork(
            self.inputs.tables(faults, train),
            None if faults.nobody else train.likes().matrix().toarray(),
            self.inputs.small_pictures if faults.raw_pictures else None,
            texts[0].shape[1],
        )
        asked = _ask(train, texts[0])
        network({name: values[:1] for name, values in asked.items()})  # makes the weights
        network.compile(
            keras.optimizers.Adam(self.learning_rate),
            "binary_crossentropy",
            jit_compile=False,
            run_eagerly=not self.compiled,
        )
        network.optimizer.build(network.trainable_variables)  # else a step is traced twice
        targets = train.rating if faults.stars else (train.rating >= LIKE_THRESHOLD).astype(np.float32)
        held = [_ask(rows, text) for rows, text in zip((validation, test), texts[1:], strict=True)]
        watch = _Watch(held, validation.rating >= LIKE_THRESHOLD)
        network.fit(
            asked,
            targets[:, None],
            batch_size=self.batch_size,
            epochs=self.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[watch],
        )
        network.set_weights(watch.best)
        return Fitted(network.everything(train.users), test, watch.scores)


class _Watch(keras.callbacks.Callback):
    """Weights, and scores of the rows reported on, of the best epoch by AUC on validation rows."""

    def __init__(self, held: list[dict[str, np.ndarray]], likes: np.ndarray) -> None:
        super().__init__()
        self.held, self.likes = held, likes
        self.scores = np.zeros(0, np.float32)
        self.best: list[np.ndarray] = []
        self.reached = -np.inf

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        validation, reported = (np.asarray(self.model(rows))[:, 0] for rows in self.held)
        reached = auc(validation, self.likes)
        if not self.best or reached > self.reached:
            self.reached, self.scores, self.best = reached, reported, self.model.get_weights()


class _Scores(Recommender):
    """Scores that are known already, as the evaluator takes them."""

    name: ClassVar[str] = "listing"

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        self.table = table  # (U, I)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        """Nothing to learn."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32."""
        return self.table[users]

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: it is not saved."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Nothing to take back."""


def _ask(rows: Interactions, text: np.ndarray) -> dict[str, np.ndarray]:
    asked = {"user": rows.user.astype(np.int32), "item": rows.item.astype(np.int32)}
    return asked | ({"text": text} if text.shape[1] else {})


def run(catalogue: Catalogue, faults: Faults, seed: int = 0) -> Result:
    """One pipeline on a catalogue; for several, keep an ``Audit``."""
    return Audit(catalogue, seed).run(faults)
