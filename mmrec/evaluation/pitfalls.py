"""Ways of measuring that flatter, made on purpose so that what they do to a figure can be shown.

Nothing else in the project uses them. Chapter: ``notebooks/16-protocol.ipynb``.

References:
    Krichene and Rendle (2020), On sampled metrics for item recommendation, KDD.
    Meng, McCreadie, Macdonald and Ounis (2020), Exploring data splitting strategies for the evaluation of
    recommendation models, RecSys.
    Cawley and Talbot (2010), On over-fitting in model selection and subsequent selection bias in performance
    evaluation, Journal of Machine Learning Research 11.
"""

from dataclasses import replace

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.data.split import Split, by_time
from mmrec.errors import InputError
from mmrec.evaluation.protocol import Evaluation
from mmrec.models.base import Recommender

TIES = ("drawn", "favour", "against")
_COLUMNS = ("user", "item", "rating", "timestamp", "row")


def with_test_rows(split: Split, share: float, seed: int = 0) -> Interactions:
    """The training rows and, which must not be, a share of the warm test rows.

    Args:
        split: where the rows come from.
        share: in [0, 1].
        seed: draws them; a larger share holds all rows of a smaller one.
    """
    test = split.test["warm"]
    drawn = test.take(np.random.default_rng(seed).permutation(len(test))[: round(share * len(test))])
    joined = {name: np.concatenate([getattr(split.train, name), getattr(drawn, name)]) for name in _COLUMNS}
    return Interactions(**joined, users=test.users, items=test.items)


def by_chance(rows: Interactions, seed: int = 0) -> Split:
    """A split with the shares of ``by_time``, each person's rows in an order that is drawn.

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
    """Share of the warm test rows that happened before some training row of the same person."""
    latest = np.full(split.train.users, np.iinfo(np.int64).min)
    np.maximum.at(latest, split.train.user, split.train.timestamp)
    test = split.test["warm"]
    return float((test.timestamp < latest[test.user]).mean())


def one_by_one(
    model: Recommender, split: Split, *, drawn: int | None = None, ties: str = "drawn", k: int = 10, seed: int = 0
) -> Evaluation:
    """Each liked test item ranked by itself among items that the person neither trains on nor likes in the test.

    Args:
        model: fitted on ``split.train``.
        split: where the rows come from.
        drawn: how many others it is ranked among, drawn anew for each like; None: all of them.
        ties: where it stands among others of the same score: ``"drawn"``, first (``"favour"``) or last (``"against"``).
        k: length of the list.
        seed: draws others and ties.

    Returns:
        ``recall@k`` (is it among the first k?) and ``ndcg@k`` (1 / log2(1 + rank) if so) of each person with a like,
        means over that person's likes.

    Raises:
        InputError: an unknown way with ties.
    """
    if ties not in TIES:
        raise InputError(f"ties {ties!r}: choose from {', '.join(TIES)}")
    rng = np.random.default_rng(seed)
    likes = split.test["warm"].likes(split.train.is_implicit()).matrix()  # (U, I)
    likes = (likes - likes.multiply(split.train.matrix())).tocsr()
    likes.eliminate_zeros()
    user, item = likes.nonzero()
    people, place = np.unique(user, return_inverse=True)
    scores = model.scores(people)  # (n, I)
    others = (split.train.matrix()[people].toarray() == 0) & (likes[people].toarray() == 0)  # (n, I)
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
    return Evaluation(means, per_user, people, none.astype(np.int64), none, none.astype(bool))


def _drawn(others: np.ndarray, count: int | None, rng: np.random.Generator) -> np.ndarray:
    """(m, I) bool: ``count`` of the true places of each row; all of them when None or where there are fewer."""
    if count is None or count >= others.shape[1]:
        return others
    key = np.where(others, rng.random(others.shape, np.float32), 2.0)  # (m, I)
    chosen = np.argpartition(key, count - 1, axis=1)[:, :count]  # (m, count)
    among = np.zeros_like(others)
    np.put_along_axis(among, chosen, True, axis=1)
    return among & others


def best_of(figures: np.ndarray, tried: int, draws: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The best of some candidates on one half of the people, and what it reaches on the other half.

    What a person adds to all candidates alike is taken out, so that an easy half is no better than a hard one.

    Args:
        figures: (s, n) of s candidates (settings, or seeds) for n people.
        tried: how many of the candidates are tried; they and the halves are drawn anew each time.
        draws: how often.
        seed: of the draws.

    Returns:
        (draws,) mean on the half that it was chosen by, and (draws,) mean on the fresh half.
    """
    rng, (candidates, people) = np.random.default_rng(seed), figures.shape
    figures = figures - figures.mean(axis=0) + figures.mean()
    reported, fresh = np.zeros(draws), np.zeros(draws)
    for draw in range(draws):
        some, order = rng.permutation(candidates)[:tried], rng.permutation(people)
        half = order[: people // 2], order[people // 2 :]
        means = figures[np.ix_(some, half[0])].mean(axis=1)  # (tried,)
        best = int(means.argmax())
        reported[draw], fresh[draw] = means[best], figures[some[best], half[1]].mean()
    return reported, fresh
