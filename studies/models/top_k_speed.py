"""Seconds to rank all users, with what they have seen left out: the project and implicit's ``recommend``.

Run ``python -m studies.models.top_k_speed [--size USERS ITEMS]... [--out FILE]``. Both rank the same factors (64
numbers per user and item, drawn at random: time does not depend on them) and return the 20 best unseen items of
every user.
Medians of five runs in turn, after one warm-up each, in one process.

implicit is used where it is installed (``pip install implicit``), and said to be left out where it is not. Its lists
must be the project's but where scores are equal to the last bit or so, which the column ``same`` counts.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mmrec.data.catalogue import Interactions
from mmrec.evaluation.record import check_committed, save_record
from mmrec.models.base import Recommender

SIZES = ((1858, 1425), (20_000, 20_000))
SEEN = 24  # items per user: as many as in Last.fm-2K
FACTORS = 64
K = 20
RUNS = 5

Lists = tuple[np.ndarray, np.ndarray]


class Factors(Recommender):
    """r_ui = p_u . q_i, with factors given."""

    name = "factors"

    def __init__(self, users: np.ndarray, items: np.ndarray) -> None:
        super().__init__()
        self.users, self.items = users, items

    def _fit(self, train: Interactions, features: Any) -> None:
        pass

    def scores(self, users: np.ndarray) -> np.ndarray:
        return self.users[users] @ self.items.T

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        pass


def drawn(users: int, items: int, seed: int) -> tuple[np.ndarray, np.ndarray, Interactions]:
    """Factors and seen items."""
    rng = np.random.default_rng(seed)
    p, q = (rng.normal(size=(rows, FACTORS)).astype(np.float32) for rows in (users, items))
    user, item = np.repeat(np.arange(users), SEEN), rng.integers(0, items, users * SEEN)
    zeros = np.zeros(len(user), np.int64)
    return p, q, Interactions(user, item, np.ones(len(user), np.float32), zeros, zeros, users, items)


def peer(p: np.ndarray, q: np.ndarray, train: Interactions) -> Callable[[], Lists]:
    """implicit's way."""
    from implicit.cpu.als import AlternatingLeastSquares

    one = partial(threadpool_limits, 1, "blas")  # as implicit advises: it has threads of its own
    with one():
        model, seen, users = AlternatingLeastSquares(factors=FACTORS), train.matrix(), np.arange(train.users)
    model.user_factors, model.item_factors = p, q

    def work() -> Lists:
        with one():
            return model.recommend(users, seen, N=K, filter_already_liked_items=True)

    return work


def measure(users: int, items: int, seed: int) -> list[dict[str, Any]]:
    p, q, train = drawn(users, items, seed)
    model = Factors(p, q).fit(train)
    ways = {"mmrec": lambda: model.recommend(np.arange(users), K)}
    if find_spec("implicit"):
        ways["implicit"] = peer(p, q, train)
    lists = {name: way() for name, way in ways.items()}  # the warm-up
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return [
        {
            "users": users,
            "items": items,
            "method": name,
            "seconds": median(times),
            "ratio": median(times) / median(seconds["mmrec"]),
            "same": float((lists[name][0] == lists["mmrec"][0]).mean()),
        }
        for name, times in seconds.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs=2, type=int, action="append", metavar=("USERS", "ITEMS"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    if options.out:
        check_committed()
    there = find_spec("implicit") is not None
    if not there:
        print("implicit is not installed and left out")
    table = [row for users, items in options.size or SIZES for row in measure(users, items, options.seed)]
    print(f"{'users':>7} {'items':>7} {'method':10} {'seconds':>9} {'of mmrec':>9} {'same':>8}")
    for row in table:
        sizes = f"{row['users']:7} {row['items']:7} {row['method']:10}"
        print(f"{sizes} {row['seconds']:9.4f} {row['ratio']:8.2f}x {row['same']:8.5f}")
    if options.out:
        machine = {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()}
        libraries = {name: version(name) for name in ("numpy", *(["implicit"] if there else []))}
        results = {"runs": table, "machine": machine, "libraries": libraries}
        told = "python -m studies.models.top_k_speed --out results/ranking.json"
        save_record(options.out, results, seed=options.seed, seeds=1, data_hash="", command=told)
        print(options.out)


if __name__ == "__main__":
    main()
