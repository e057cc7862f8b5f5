"""What judging the claims of section 3.3 needs and takes too long for a chapter: ``results/claims.json``.

Run ``python benchmarks/claims.py [--repeats 5] [--out results/claims.json]``. Processor seconds are those of all
threads of the process, so that other work on the machine disturbs them little. On the embedded catalogue:

* features: reading the catalogue and extracting each modality, from an empty cache, once a repeat;
* fitting: each model in a process of its own, once a repeat with that seed, with the libraries imported before:
  processor seconds, seconds, peak memory, numbers kept, NDCG@20 of each person on test;
* growth: fitting a linear model with content, and listing for everybody by it, while each item is replaced by 1, 2, 4,
  8 items with its features, of which each rating falls on one.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmrec.data.catalogue import MODALITIES, Catalogue, Interactions
from mmrec.data.split import by_time
from mmrec.datasets import open_dataset
from mmrec.evaluation.cost import PeakMemory
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import save_record
from mmrec.features import Features, extract
from mmrec.models import make_model, model_class

MODELS = ("popularity", "ease", "graph-filter", "content", "ease-features", "graph-filter-features", "fusion")
GROWING = "ease-features"
TIMES = (1, 2, 4, 8)
LIST = 20


def clocked(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gives, processor seconds and seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return found, time.process_time() - processor, time.perf_counter() - wall


def prepared(folder: Path, repeats: int) -> dict[str, list[float]]:
    """Processor seconds of reading the catalogue and of extracting each modality with nothing cached, once a repeat."""
    catalogue = open_dataset(folder)
    works: dict[str, Callable[[], Any]] = {"read": lambda: open_dataset(folder)}
    works |= {name: partial(extract, only(catalogue, name)) for name in MODALITIES}
    first = replace(catalogue, items=catalogue.items.head(3))
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["MMREC_CACHE"] = cache
            extract(first)  # so that libraries are loaded and layers compiled
            for name, work in works.items():
                spent[name].append(round(clocked(work)[1], 4))
    return spent


def only(catalogue: Catalogue, modality: str) -> Catalogue:
    """The catalogue's items with one modality."""
    items = catalogue.items.copy()
    for name in MODALITIES:
        items[name] = items[name] if name == modality else ""
    return replace(catalogue, items=items)


def fitted(folder: Path, name: str, repeats: int) -> dict[str, Any]:
    """One model with seeds 0, 1, ...: the costs of each fit, and each person's NDCG averaged over them."""
    catalogue = open_dataset(folder)
    features, split, kind = extract(catalogue), by_time(catalogue.interactions), model_class(name)
    costs: dict[str, list[float]] = {"processor seconds": [], "seconds": [], "peak MB": []}
    ndcg, numbers = [], 0
    for seed in range(repeats):
        model = kind(**({"seed": seed} if "seed" in kind.parameters() else {}))
        with PeakMemory() as memory:
            _, processor, wall = clocked(partial(model.fit, split.train, features))
        for cost, value in zip(costs.values(), (processor, wall, memory.peak_mb), strict=True):
            cost.append(round(value, 4))
        ndcg.append(evaluate(model, split).per_user["ndcg@20"])  # of the same people, whatever the model
        numbers = sum(np.size(array) for array in model.state().values())
    mean = np.round(np.mean(ndcg, axis=0), 5).tolist()
    return {**costs, "numbers": int(numbers), "ndcg@20": mean}


def tiled(rows: Interactions, features: Features, times: int, seed: int) -> tuple[Interactions, Features]:
    """Each item becomes ``times`` items; each rating falls on one of them."""
    copy = np.random.default_rng(seed).integers(0, times, len(rows))
    table = replace(
        features,
        item_ids=tuple(f"{ident}-{at}" for at in range(times) for ident in features.item_ids),
        blocks={name: np.tile(block, (times, 1)) for name, block in features.blocks.items()},
        present=np.tile(features.present, (times, 1)),
    )
    return replace(rows, item=rows.item + rows.items * copy, items=rows.items * times), table


def grown(folder: Path, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Processor seconds to fit, and to list twenty items for everybody (the best of three passes), by number of items.

    A small fit goes before as warm-up.
    """
    catalogue = open_dataset(folder)
    train, features = by_time(catalogue.interactions).train, extract(catalogue)
    make_model(GROWING).fit(train, features).recommend(np.arange(train.users), LIST)
    spent: dict[str, dict[str, list[float]]] = {"fit": {}, "list": {}}
    for times in TIMES:
        items = str(train.items * times)
        spent["fit"][items], spent["list"][items] = [], []
        for seed in range(repeats):
            model, rows = make_model(GROWING), tiled(train, features, times, seed)
            spent["fit"][items].append(round(clocked(partial(model.fit, *rows))[1], 4))
            passes = [clocked(partial(model.recommend, np.arange(train.users), LIST))[1] for _ in range(3)]
            spent["list"][items].append(round(min(passes), 5))
    return spent


def alone(work: Callable[..., Any], *given: Any) -> Any:
    """The same in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/claims.json"))
    options = parser.parse_args()
    catalogue, repeats = open_dataset("embedded"), options.repeats
    extract(catalogue)  # into the cache, for the fits
    results: dict[str, Any] = {
        "features": alone(prepared, catalogue.folder, repeats),
        "models": {name: alone(fitted, catalogue.folder, name, repeats) for name in tqdm(MODELS, "models")},
        "growth": {"model": GROWING, **alone(grown, catalogue.folder, repeats)},
        "threads": {key: os.environ.get(key, "") for key in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")},
    }
    told = f"python benchmarks/claims.py --repeats {repeats}"
    save_record(options.out, results, seed=0, seeds=repeats, data_hash=catalogue.fingerprint, command=told)
    print(options.out)


if __name__ == "__main__":
    main()
