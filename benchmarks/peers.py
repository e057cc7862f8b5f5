"""Fitting beside bare linear algebra and beside Cornac: EASE, and VBPR per epoch.

Run ``MMREC_DATA=DIR python benchmarks/peers.py [--out results/peers.json]`` on Last.fm-2K. Medians of five, taken in
turn. EASE stands beside ``numpy.linalg.inv`` of the same matrix. VBPR stands beside Cornac's, per epoch, each with its
own settings, and both by the project's evaluator; Cornac is used where it is installed (with PyTorch, which its VBPR
needs), and said to be left out where it is not. Ranking beside implicit is in ``ranking.py``.
"""

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.data.split import Split
from mmrec.evaluation.layouts import Bundle, read_layout
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import save_record
from mmrec.models import make_model
from mmrec.models.base import Recommender
from mmrec.models.item_to_item import gram_matrix

RUNS = 5
FEW, MANY = 2, 12  # epochs: their difference is free of what is done once
CORNAC_EPOCHS = 50


class Given(Recommender):
    """Scores made elsewhere, for the evaluator."""

    name = "given"

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        self.table = table

    def _fit(self, train: Any, features: Any) -> None:
        pass

    def scores(self, users: np.ndarray) -> np.ndarray:
        return self.table[users]

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        pass


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def linear(split: Split) -> dict[str, float]:
    """Seconds of a fit of EASE and of the bare inversion of its matrix."""
    gram = gram_matrix(split.train.likes().matrix())
    gram[np.diag_indices_from(gram)] += 200.0
    pairs = [
        (seconds(lambda: make_model("ease").fit(split.train)), seconds(lambda: np.linalg.inv(gram)))
        for _ in range(RUNS + 1)
    ][1:]
    own, bare = (median(column) for column in zip(*pairs, strict=True))
    return {"ease": own, "numpy.linalg.inv": bare, "bare / ease": bare / own}


def epochs(bundle: Bundle, split: Split) -> dict[str, float]:
    """Seconds an epoch of VBPR, and NDCG@20 of the defaults."""

    from mmrec.models.vbpr import VBPR

    def fit(count: int) -> float:
        return seconds(lambda: VBPR(epochs=count).fit(split.train, bundle.features))

    fit(FEW)
    per_epoch = median((fit(MANY) - fit(FEW)) / (MANY - FEW) for _ in range(RUNS))
    reached = evaluate(VBPR().fit(split.train, bundle.features), split).summary
    return {"vbpr, an epoch": per_epoch, "vbpr ndcg@20": reached["ndcg@20"], "vbpr recall@20": reached["recall@20"]}


def cornac(bundle: Bundle, split: Split) -> dict[str, float]:
    """The same of Cornac's VBPR on the same scaled features, in a process of its own: PyTorch bears no TensorFlow."""
    from mmrec.models.preprocessing import Preprocessor

    tables = Preprocessor.fit(bundle.features, split.train).tables(bundle.features)
    features = np.concatenate(list(tables.values()), axis=1)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        per_epoch, table = pool.submit(cornac_scores, split.train, features).result()
    reached = evaluate(Given(table).fit(split.train), split).summary
    return {
        "cornac, an epoch": per_epoch,
        "cornac ndcg@20": reached["ndcg@20"],
        "cornac recall@20": reached["recall@20"],
    }


def cornac_scores(train: Interactions, features: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds an epoch, and the scores (U, I) after 50."""
    import cornac as peer

    rows = [(str(u), str(i), 1.0) for u, i in zip(train.user, train.item, strict=True)]
    data = peer.data.Dataset.from_uir(rows, seed=0)
    ids = [str(item) for item in range(train.items)]
    modality = peer.data.ImageModality(features=features, ids=ids, normalized=False)
    modality.build(id_map=data.iid_map)
    data.add_modalities(item_image=modality)

    def fitted(count: int) -> Any:
        return peer.models.VBPR(n_epochs=count, verbose=False, seed=0).fit(data)

    per_epoch = median((seconds(lambda: fitted(3)) - seconds(lambda: fitted(1))) / 2 for _ in range(RUNS))
    model = fitted(CORNAC_EPOCHS)
    table = np.full((train.users, train.items), -1e9, np.float32)
    columns = np.array([data.iid_map.get(name, -1) for name in ids])
    for user in range(train.users):
        if str(user) in data.uid_map:
            scores = np.asarray(model.score(data.uid_map[str(user)]))
            table[user, columns >= 0] = scores[columns[columns >= 0]]
    return per_epoch, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    bundle = read_layout(Path(os.environ["MMREC_DATA"]) / "lastfm-2k", "mmrec")
    split = bundle.split()
    results = {**linear(split), **epochs(bundle, split)}
    if find_spec("cornac") and find_spec("torch"):
        results |= cornac(bundle, split)
        results["cornac / vbpr, an epoch"] = results["cornac, an epoch"] / results["vbpr, an epoch"]
    else:
        print("left out: Cornac (pip install cornac torch)")
    for name, value in results.items():
        print(f"{name:26s} {value:.4f}")
    if options.out:
        told = "MMREC_DATA=DIR python benchmarks/peers.py --out results/peers.json"
        save_record(options.out, results, seed=0, seeds=1, data_hash=bundle.fingerprint, command=told)


if __name__ == "__main__":
    main()
