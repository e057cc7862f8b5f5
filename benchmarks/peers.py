"""Speed beside peers, in one run on Last.fm-2K: VBPR beside Cornac's, ranking beside implicit's, EASE beside NumPy's.

Run ``pip install cornac implicit torch`` and ``MMREC_DATA=DIR python benchmarks/peers.py [--out results/peers.json]``,
with nothing else running. Peers are no dependency: one that is not installed is left out, and said to be.

* VBPR: seconds an epoch, medians of five, taken in turn; an epoch of either is every training like once. What is done
  once in a fit falls out of a difference of two fits. Cornac's has its own default settings and runs in a process of
  its own, for PyTorch and TensorFlow do not share one well: on all cores, as PyTorch does by itself, and on one, which
  can be faster, since its steps are small. Both get the same scaled features, and both are measured by the project's
  evaluator, after as many epochs as their defaults say.
* Ranking: see ``ranking.py``.
* EASE: a fit from the likes to the weights beside ``numpy.linalg.inv`` of the same matrix, medians of five in turn.
"""

import argparse
import io
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import ranking

from mmrec.data.catalogue import Interactions
from mmrec.data.split import Split
from mmrec.evaluation.layouts import Bundle, read_layout
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import save_record
from mmrec.models import make_model
from mmrec.models.base import Recommender
from mmrec.models.item_to_item import gram_matrix

RUNS = 5
EPOCHS = {"mmrec": (2, 22), "cornac": (1, 3)}  # of the two fits whose difference is timed
THREADS = {"cornac": os.cpu_count() or 1, "cornac, one thread": 1}
PEERS = ("cornac", "implicit", "torch")


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
    gram[np.diag_indices_from(gram)] += make_model("ease").settings["l2"]
    pairs = [
        (seconds(lambda: make_model("ease").fit(split.train)), seconds(lambda: np.linalg.inv(gram)))
        for _ in range(RUNS + 1)
    ][1:]  # the first is the warm-up
    own, bare = (median(column) for column in zip(*pairs, strict=True))
    return {"ease": own, "numpy.linalg.inv": bare, "bare / ease": bare / own}


def factors(bundle: Bundle, split: Split) -> dict[str, dict[str, Any]]:
    """Seconds an epoch and quality of VBPR and, where it is installed, of Cornac's."""
    from mmrec.models.preprocessing import Preprocessor

    tables = Preprocessor.fit(bundle.features, split.train).tables(bundle.features)
    given = split.train, np.concatenate(list(tables.values()), axis=1)  # and (I, F)
    times: dict[str, list[float]] = {"mmrec": []}
    rows: dict[str, dict[str, Any]] = {}

    def own(epochs: int) -> float:
        return seconds(lambda: make_model("vbpr", epochs=epochs).fit(split.train, bundle.features))

    def cornac(threads: int, epochs: int) -> float:
        return pool.submit(cornac_seconds, *given, threads, epochs).result()

    own(1)  # the warm-up
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        peers = THREADS if find_spec("cornac") and find_spec("torch") else {}
        for _ in range(RUNS):
            times["mmrec"].append(an_epoch(own, *EPOCHS["mmrec"]))
            for name, threads in peers.items():
                times.setdefault(name, []).append(an_epoch(partial(cornac, threads), *EPOCHS["cornac"]))
        model = make_model("vbpr")
        spent = seconds(lambda: model.fit(split.train, bundle.features))
        rows["mmrec"] = {**quality(model, split), "seconds of a fit": spent, "settings": model.settings}
        if peers:
            table, spent, settings = pool.submit(cornac_scores, *given).result()
            reached = quality(Given(table).fit(split.train), split)
            rows["cornac, one thread"] = {**reached, "seconds of a fit": spent, "settings": settings}
    for name, runs in times.items():
        ratio = median(runs) / median(times["mmrec"])
        rows.setdefault(name, {}).update({"seconds an epoch": median(runs), "runs": runs, "ratio": ratio})
    return rows


def an_epoch(fit: Callable[[int], float], few: int, many: int) -> float:
    """Seconds an epoch, from fits of few and of many."""
    return (fit(many) - fit(few)) / (many - few)


def quality(model: Recommender, split: Split) -> dict[str, float]:
    reached = evaluate(model, split).summary
    return {name: reached[name] for name in ("ndcg@20", "recall@20")}


def cornac_seconds(train: Interactions, features: np.ndarray, threads: int, epochs: int) -> float:
    """Seconds of a fit of Cornac's VBPR."""
    return cornac_fit(train, features, threads, n_epochs=epochs)[2]


def cornac_scores(train: Interactions, features: np.ndarray) -> tuple[np.ndarray, float, dict[str, Any]]:
    """Scores (U, I), seconds of the fit, and the settings, all of them Cornac's defaults."""
    model, data, spent = cornac_fit(train, features, 1)
    table = np.full((train.users, train.items), -1e9, np.float32)
    user, item = (np.array(list(ids), np.int64) for ids in (data.uid_map, data.iid_map))  # in Cornac's order
    for row, person in enumerate(user):
        table[person, item] = model.score(row)[: len(item)]
    named = ("k", "k2", "n_epochs", "batch_size", "learning_rate", "lambda_w", "lambda_b", "lambda_e", "use_gpu")
    return table, spent, {name: getattr(model, name) for name in named}


def cornac_fit(train: Interactions, features: np.ndarray, threads: int, **settings: Any) -> tuple[Any, Any, float]:
    """Cornac's VBPR, the likes and the features in its form, and the seconds of the fit."""
    import cornac
    import torch

    torch.set_num_threads(threads)
    likes = train.likes()
    rows = [(str(user), str(item), 1.0) for user, item in zip(likes.user, likes.item, strict=True)]
    data = cornac.data.Dataset.from_uir(rows, seed=0)
    ids = [str(item) for item in range(train.items)]
    modality = cornac.data.ImageModality(features=features, ids=ids, normalized=False)
    modality.build(id_map=data.iid_map)
    data.add_modalities(item_image=modality)
    model = cornac.models.VBPR(verbose=False, seed=0, **settings)
    with redirect_stdout(io.StringIO()):
        return model, data, seconds(lambda: model.fit(data))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    there = [name for name in PEERS if find_spec(name)]
    if len(there) < len(PEERS):
        print(f"left out: {', '.join(sorted(set(PEERS) - set(there)))} (not installed)")
    bundle = read_layout(Path(os.environ["MMREC_DATA"]) / "lastfm-2k", "mmrec")
    split = bundle.split()
    results: dict[str, Any] = {
        "ease": linear(split),
        "ranking": [row for size in ranking.SIZES for row in ranking.measure(*size, seed=0)],
        "vbpr": factors(bundle, split),
    }
    print("ease    " + ", ".join(f"{name} {value:.4f}" for name, value in results["ease"].items()))
    for row in results["ranking"]:
        print(f"ranking {row['users']} x {row['items']} {row['method']:9s} {row['seconds']:.4f} s, {row['ratio']:.2f}x")
    for name, row in results["vbpr"].items():
        told = ", ".join(f"{key} {row[key]:.4f}" for key in row if isinstance(row[key], float))
        print(f"vbpr    {name}: {told}")
    if options.out:
        machine = {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()}
        results |= {"machine": machine, "peers": {name: version(name) for name in there}}
        told = "MMREC_DATA=DIR python benchmarks/peers.py --out results/peers.json"
        save_record(options.out, results, seed=0, seeds=1, data_hash=bundle.fingerprint, command=told)
        print(options.out)


if __name__ == "__main__":
    main()
