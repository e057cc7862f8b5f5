"""Ways of measuring that flatter, made on purpose so that their effect on a result can be shown.

Nothing else in the project uses them. Chapter: ``notebooks/16-protocol.ipynb``.

References:
    Krichene and Rendle (2020), On sampled metrics for item recommendation, KDD.
    Meng, McCreadie, Macdonald and Ounis (2020), Exploring data splitting strategies for the evaluation of
    recommendation models, RecSys.
    Cawley and Talbot (2010), On over-fitting in model selection and subsequent selection bias in performance
    evaluation, Journal of Machine Learning Research 11.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.data.split import Split, by_time
from mmrec.errors import InputError
from mmrec.evaluation import metrics
from mmrec.evaluation.protocol import Evaluation
from mmrec.models.base import Recommender

TIES = ("drawn", "favour", "against")


def with_test_rows(split: Split, share: float, seed: int = 0) -> Interactions:
    """The training rows and, which must not be, a share of the warm test rows.

    Args:
        split: where the rows come from.
        share: in [0, 1].
        seed: draws them; a larger share holds all rows of a smaller one.
    """
    test = split.test["warm"]
    drawn = test.take(np.random.default_rng(seed).permutation(len(test))[: round(share * len(test))])
    return Interactions.joined(split.train, drawn)


def by_chance(rows: Interactions, seed: int = 0) -> Split:
    """A split with the shares of ``by_time``, each user's rows in a random order.

    Args:
        rows: all rows.
        seed: draws the order.
    """
    numbered = replace(rows, row=np.arange(len(rows)))
    split = by_time(replace(numbered, timestamp=np.random.default_rng(seed).permutation(len(rows))))

    def true(part: Interactions) -> Interactions:
        return rows.take(part.row)  # with its own time, which models may read

    test = {case: true(part) for case, part in split.test.items()}
    return replace(split, train=true(split.train), validation=true(split.validation), test=test)


def from_later(split: Split) -> float:
    """Share of the warm test rows that happened before some training row of the same user."""
    latest = np.full(split.train.n_users, np.iinfo(np.int64).min)
    np.maximum.at(latest, split.train.user, split.train.timestamp)
    test = split.test["warm"]
    return float((test.timestamp < latest[test.user]).mean())


def one_by_one(
    model: Recommender, split: Split, *, drawn: int | None = None, ties: str = "drawn", k: int = 10, seed: int = 0
) -> Evaluation:
    """Each liked test item ranked by itself among items that the user has no other row for.

    Others are items without a training or validation row of the user (as in ``evaluate``) and without a like in the
    test.

    Args:
        model: fitted on ``split.train``.
        split: where the rows come from.
        drawn: how many others it is ranked among, drawn again for each like; None: all of them.
        ties: where it stands among others of the same score: ``"drawn"``, first (``"favour"``) or last (``"against"``).
        k: length of the list.
        seed: draws others and ties.

    Returns:
        ``recall@k`` (is it among the first k?) and ``ndcg@k`` (1 / log2(1 + rank) if so) of each user with a like,
        means over that user's likes.

    Raises:
        InputError: an unknown way with ties.
    """
    if ties not in TIES:
        raise InputError(f"ties {ties!r}: choose from {', '.join(TIES)}")
    rng = np.random.default_rng(seed)
    likes = split.test["warm"].likes(split.train.is_implicit()).matrix()  # (U, I)
    seen = split.train.with_rows(split.validation).matrix()  # (U, I)
    likes = (likes - likes.multiply(seen)).tocsr()
    likes.eliminate_zeros()
    user, item = likes.nonzero()
    users, place = np.unique(user, return_inverse=True)
    scores = model.scores(users)  # (n, I)
    others = (seen[users].toarray() == 0) & (likes[users].toarray() == 0)  # (n, I)
    among = _drawn(others[place], drawn, rng)  # (m, I)
    own = scores[place, item][:, None]  # (m, 1)
    above = (among & (scores[place] > own)).sum(axis=1)
    equal = (among & (scores[place] == own)).sum(axis=1)
    before = {"favour": np.zeros_like(equal), "against": equal, "drawn": rng.integers(0, equal + 1)}[ties]
    rank = 1 + above + before  # (m,)
    found = {f"recall@{k}": rank <= k, f"ndcg@{k}": (rank <= k) / np.log2(1 + rank)}
    count = np.bincount(place)
    per_user = {name: np.bincount(place, value) / count for name, value in found.items()}
    none = np.zeros(0)
    means = {name: float(value.mean()) for name, value in per_user.items()}
    return Evaluation(means, per_user, users, none.astype(np.int64), none, none.astype(bool))


def _drawn(others: np.ndarray, count: int | None, rng: np.random.Generator) -> np.ndarray:
    """(m, I) bool: ``count`` of the true places of each row; all of them when None or where there are fewer."""
    if count is None or count >= others.shape[1]:
        return others
    key = np.where(others, rng.random(others.shape, np.float32), 2.0)  # (m, I)
    chosen = np.argpartition(key, count - 1, axis=1)[:, :count]  # (m, count)
    among = np.zeros_like(others)
    np.put_along_axis(among, chosen, True, axis=1)
    return among & others


def best_of(values: np.ndarray, tried: int, draws: int = 20, seed: int = 0) -> tuple[float, float]:
    """What choosing the best of some candidates on half of the users gains there, and on the other half.

    A gain is the NDCG (or another metric) of the chosen candidate minus the mean of the tried ones on the same users,
    so that an easy half has no advantage.

    The halves of one matrix are not independent samples: its candidates differ by accident on *these* users, and each
    half shows it. A mean over halves therefore has the error of one matrix, however many halves are drawn. For a
    statement about choosing, average over independent matrices (``gains_over_worlds``).

    Args:
        values: (s, n) of s candidates (settings, or seeds) for n users.
        tried: how many of the candidates are tried; they and the halves are drawn again each time.
        draws: how often.
        seed: of the draws.

    Returns:
        Gain on the half that chose, and on the fresh half: means over the draws.
    """
    rng, (candidates, users) = np.random.default_rng(seed), values.shape
    gains = np.zeros((draws, 2))
    for draw in range(draws):
        some, order = rng.permutation(candidates)[:tried], rng.permutation(users)
        halves = np.split(order, [users // 2])
        means = np.stack([values[np.ix_(some, half)].mean(axis=1) for half in halves])  # (2, tried)
        gains[draw] = means[:, means[0].argmax()] - means.mean(axis=1)
    reported, fresh = gains.mean(axis=0)
    return float(reported), float(fresh)


def gains_over_worlds(
    worlds: Sequence[np.ndarray], tried: int, draws: int = 20, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """``best_of`` on independent worlds: (W,) gains on the half that chose and (W,) gains on the fresh half.

    The worlds are the sample: take intervals over them.

    Args:
        worlds: matrices (s, n) of independent users *and* candidates.
        tried, draws: see ``best_of``.
        seed: of the first world; world w has ``seed + w``.
    """
    gains = np.array([best_of(values, tried, draws, seed + at) for at, values in enumerate(worlds)])  # (W, 2)
    return gains[:, 0], gains[:, 1]


def places_of_validation(model: Recommender, split: Split, k: int = 20) -> float:
    """Share of the places of top-k lists that go to items rated in validation, where training rows alone are masked.

    Args:
        model: fitted on ``split.train``.
        split: where the rows come from; the lists are those of the users with a warm test row.
        k: length of the lists.
    """
    users = np.unique(split.test["warm"].user)
    seen, later = (part.matrix()[users].toarray() > 0 for part in (split.train, split.validation))  # (n, I)
    items = metrics.top_k(model.scores(users), ~seen, k, np.random.default_rng(0))  # (n, k)
    return float(metrics.hits_of(items, later).mean())


def ties_in_time(rows: Interactions, test: float = 0.1) -> dict[str, float]:
    """How much of a split by time the order within one time stamp decides.

    Args:
        rows: all rows.
        test: share of each user's rows that test.

    Returns:
        ``"rows"``: share of the rows that share their time with another row of their user; ``"cut-offs"``: number of
        users whose last training-or-validation row and first test row share their time; ``"users"``: all of them.
    """
    order = np.lexsort((rows.timestamp, rows.user))
    user, time = rows.user[order], rows.timestamp[order]
    same = (np.diff(user) == 0) & (np.diff(time) == 0)  # (N - 1,) with the row before
    tied = np.append(same, False) | np.append(False, same)  # (N,)
    users, start, size = np.unique(user, return_index=True, return_counts=True)
    first = start + np.floor((1 - test) * size + 1e-9).astype(int)  # of the test, as in by_time
    first = first[(first > start) & (first < start + size)]
    return {"rows": float(tied.mean()), "cut-offs": int(same[first - 1].sum()), "users": len(users)}
