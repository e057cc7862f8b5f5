"""Speed next to other libraries, on Last.fm-2K: VBPR and Cornac's, ranking and implicit's, EASE and NumPy's inversion.

Run ``pip install cornac implicit torch`` and ``MMREC_DATA=DIR python -m studies.models.peers [--out FILE]``,
with nothing else running. These libraries are not dependencies: one that is not installed is left out, with a message.

* VBPR: seconds an epoch at equal settings, medians of five, taken in turn. Both get the same likes and scaled
  features, vectors of the same length, and the same batch size, learning rate and weight of the squares. Both are timed
  on fits of the same numbers of epochs; an epoch of either is every training like once. Two batch sizes are timed:
  the project's default and Cornac's. What is done once in a fit falls out of a difference of two fits. Within an epoch
  the algorithms differ: ours compares each like with all items drawn for its batch, Cornac's with one drawn item.
  Quality is not compared: that would need equal tries on validation for both, and a search with Cornac takes hours.
  Cornac runs in a process of its own, since PyTorch and TensorFlow do not share one well. It is timed on all cores, as
  PyTorch runs by itself, and on one, which can be faster, since its steps can be small.
* Ranking: see ``top_k_speed.py``.
* EASE: a fit from the likes to the weights and ``numpy.linalg.inv`` of the same matrix, medians of five in turn.
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

from mmrec.data.catalogue import Interactions
from mmrec.data.split import Split
from mmrec.environment import DATA, variable
from mmrec.evaluation.benchmark_data import BenchmarkData, read_layout
from mmrec.evaluation.record import check_committed, save_record
from mmrec.models import make_model
from mmrec.models.ease import EASE
from mmrec.models.item_to_item import gram_matrix
from studies.models import top_k_speed

RUNS = 5
VECTOR = 64  # length of both parts of a user's and an item's vector
SHARED = {"learning_rate": 0.005, "l2": 0.01}
BATCHES = {8192: (2, 12), 100: (1, 3)}  # likes a batch -> epochs of the two fits whose difference is timed
THREADS = {"cornac": os.cpu_count() or 1, "cornac, one thread": 1}
PEERS = ("cornac", "implicit", "torch")


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def linear(split: Split) -> dict[str, float]:
    """Seconds of a fit of EASE and of the bare inversion of its matrix."""
    gram = gram_matrix(split.train.likes().matrix())
    gram[np.diag_indices_from(gram)] += EASE().l2
    pairs = [
        (seconds(lambda: make_model("ease").fit(split.train)), seconds(lambda: np.linalg.inv(gram)))
        for _ in range(RUNS + 1)
    ][1:]  # the first is the warm-up
    own, bare = (median(column) for column in zip(*pairs, strict=True))
    return {"ease": own, "numpy.linalg.inv": bare, "bare / ease": bare / own}


def factors(data: BenchmarkData, split: Split) -> dict[str, dict[str, Any]]:
    """Seconds an epoch of VBPR and, where it is installed, of Cornac's at the same settings, for each batch size."""
    from mmrec.models.preprocessing import Preprocessor

    tables = Preprocessor.fit(data.features, split.train).tables(data.features)
    given = split.train, np.concatenate(list(tables.values()), axis=1)  # and (I, F)
    peers = THREADS if find_spec("cornac") and find_spec("torch") else {}
    rows: dict[str, dict[str, Any]] = {}

    def own(size: int, epochs: int) -> float:
        """Seconds of a fit of ours; ``components`` keeps all columns, as Cornac's does."""
        settings = {**SHARED, "embedding_size": VECTOR, "batch_size": size, "components": given[1].shape[1]}
        model = make_model("vbpr", epochs=epochs, **settings)
        return seconds(lambda: model.fit(split.train, data.features))

    def cornac(threads: int, size: int, epochs: int) -> float:
        return pool.submit(cornac_seconds, *given, threads, size, epochs).result()

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for size, epochs in BATCHES.items():
            makers = {"mmrec": partial(own, size)}
            makers |= {name: partial(cornac, threads, size) for name, threads in peers.items()}
            times: dict[str, list[float]] = {name: [] for name in makers}
            own(size, 1)  # the warm-up
            for _ in range(RUNS):
                for name, fit in makers.items():
                    times[name].append(an_epoch(fit, *epochs))
            for name, runs in times.items():
                ratio = median(runs) / median(times["mmrec"])
                row = {"library": name, "batch size": size, "vector": VECTOR, **SHARED}
                rows[f"{name}, batches of {size}"] = row | {
                    "seconds an epoch": median(runs),
                    "runs": runs,
                    "ratio": ratio,
                }
    return rows


def an_epoch(fit: Callable[[int], float], few: int, many: int) -> float:
    """Seconds an epoch, from fits of few and of many."""
    return (fit(many) - fit(few)) / (many - few)


def cornac_seconds(train: Interactions, features: np.ndarray, threads: int, size: int, epochs: int) -> float:
    """Seconds of a fit of Cornac's VBPR with the shared settings, in batches of ``size`` likes."""
    import cornac
    import torch

    torch.set_num_threads(threads)
    likes = train.likes()
    rows = [(str(user), str(item), 1.0) for user, item in zip(likes.user, likes.item, strict=True)]
    data = cornac.data.Dataset.from_uir(rows, seed=0)
    ids = [str(item) for item in range(train.n_items)]
    modality = cornac.data.ImageModality(features=features, ids=ids, normalized=False)
    modality.build(id_map=data.iid_map)
    data.add_modalities(item_image=modality)
    model = cornac.models.VBPR(verbose=False, seed=0, n_epochs=epochs, **cornac_settings(size))
    with redirect_stdout(io.StringIO()):
        return seconds(lambda: model.fit(data))


def cornac_settings(size: int) -> dict[str, Any]:
    """The shared settings under Cornac's names: k and k2 are the two parts of a vector, lambda the weight of squares.

    ``lambda_e`` weighs the projection of the features, whose squares ours does not weigh.
    """
    weights = {"lambda_w": SHARED["l2"], "lambda_b": SHARED["l2"], "lambda_e": 0.0}
    return {"k": VECTOR, "k2": VECTOR, "batch_size": size, "learning_rate": SHARED["learning_rate"], **weights}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.out:
        check_committed()
    there = [name for name in PEERS if find_spec(name)]
    if len(there) < len(PEERS):
        print(f"left out: {', '.join(sorted(set(PEERS) - set(there)))} (not installed)")
    data = read_layout(Path(variable(DATA)) / "lastfm-2k", "mmrec")
    split = data.split()
    results: dict[str, Any] = {
        "ease": linear(split),
        "ranking": [row for size in top_k_speed.SIZES for row in top_k_speed.measure(*size, seed=0)],
        "vbpr": factors(data, split),
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
        told = "MMREC_DATA=DIR python -m studies.models.peers --out results/peers.json"
        save_record(options.out, results, seed=0, seeds=1, data_hash=data.fingerprint, command=told)
        print(options.out)


if __name__ == "__main__":
    main()
