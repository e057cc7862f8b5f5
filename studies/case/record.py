"""The case of section 4.3 in several shops: what reviews, word vectors and feedback change. ``results/case.json``.

Run ``python -m studies.case.record [--shops 8] [--jobs 1] [--out FILE]``. Each shop has a seed of its own,
half the size of the embedded one in every direction; the training seed changes along with it, so that a shop is one
draw of data and training. All models are ``fusion`` in its MIMO form with default settings: nothing is tuned. Results
of a shop are cached, so that a run that was interrupted goes on.
"""

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import csr_matrix
from scipy.stats import t

from mmrec.cache import cached_folder, code_hash
from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.data.reader import read_catalogue
from mmrec.data.split import by_time
from mmrec.evaluation.oracle import Oracle
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import check_committed, save_record
from mmrec.features.extraction import extract
from mmrec.features.table import Features
from mmrec.files import sha256_file, sha256_json, write_json
from mmrec.models import make_model
from mmrec.models.fusion import FusionRecommender
from mmrec.simulation import simulate
from mmrec.simulation.truth import Truth
from studies.case.fusion_reviews import ReviewFusion
from studies.case.rounds import with_feedback, without_feedback
from studies.text.word_vectors import train_embeddings

SIZE: dict[str, Any] = {"items": 300, "users": 500, "ratings": 15_000}
FIRST = 100
"""Seed of the first shop; the embedded one has seed 0."""
FORM: dict[str, Any] = {"fusion": "mimo", "units": 78}
REVIEWS_READ = 2000
"""Reviews that word vectors are learned from, next to the texts: all are made of a few patterns."""
BASE = "bag of words"
ANSWERS = 5
"""Draws of the answers."""


def word_features(catalogue: Catalogue, features: Features, train: Interactions, seed: int) -> Features:
    """The features with word vectors in the place of word counts, learned from training texts and reviews."""
    known = np.flatnonzero(train.known_items())
    texts = [text for text in catalogue.items["text"].iloc[known] if text]
    reviews = [catalogue.reviews[row] for row in train.row if catalogue.reviews[row]]
    some = np.random.default_rng(seed).permutation(len(reviews))[:REVIEWS_READ]
    words = train_embeddings([*texts, *(reviews[at] for at in some)], 32, window=8, learning_rate=0.02, seed=seed)
    text = words.pool(list(catalogue.items["text"]), weights="idf") * features.mask("text")[:, None]  # (I, d)
    written = csr_matrix(words.pool(catalogue.reviews, weights="idf"))  # (N, d)
    return replace(features, blocks={**features.blocks, "text": text}, reviews=written)


def of_shop(seed: int, folder: Path) -> None:
    """Simulate a shop and measure everything in it; ``result.json``."""
    simulate(folder / "shop", scenario="ecommerce", seed=seed, **SIZE)
    catalogue = read_catalogue(folder / "shop")
    split = by_time(catalogue.interactions)
    features, train = extract(catalogue), split.train
    vectors = word_features(catalogue, features, train, seed)
    options = {**FORM, "seed": seed}
    models = {
        "popularity": make_model("popularity").fit(train),
        "EASE": make_model("ease").fit(train),
        BASE: FusionRecommender(**options).fit(train, features),
        "word vectors": FusionRecommender(**options).fit(train, vectors),
        "bag of words and reviews": ReviewFusion(**options).fit(train, features),
        "word vectors and reviews": ReviewFusion(**options).fit(train, vectors),
        "bag of words and own reviews": ReviewFusion(own_reviews=True, **options).fit(train, features),
        "oracle": Oracle(folder / "shop", "list"),
    }
    found = {name: scores_of(model, split) for name, model in models.items()}
    updated = feedback_in(models[BASE], train, features, Truth.load(folder / "shop/truth.npz"), seed)
    write_json(folder / "result.json", {"models": found, "feedback": updated, "data": catalogue.fingerprint})


def scores_of(model: Any, split: Any) -> dict[str, float]:
    """NDCG and recall of the lists; AUC of the probability of a like, where the model has one."""
    ranked = evaluate(model, split).summary
    liking = evaluate(model.aim("like"), split).summary if isinstance(model, FusionRecommender) else ranked
    return {"ndcg@20": ranked["ndcg@20"], "recall@20": ranked["recall@20"], "auc": liking["auc"]}


def feedback_in(model: Any, train: Interactions, features: Features, truth: Truth, seed: int) -> dict[str, Any]:
    """What the fourth list gains from the answers to the first three, by how many training ratings users have."""
    probability = truth.like_probability(truth.preference(np.arange(train.n_users), truth.until))  # (U, I)
    _, deaf = without_feedback(model, probability)
    draws = [
        with_feedback(model, train, features, probability, np.random.default_rng([seed, at])) for at in range(ANSWERS)
    ]
    gain = np.mean([draw.quality - deaf for draw in draws], axis=0)[-1]  # (U,)
    amount = np.bincount(train.user, minlength=train.n_users)  # (U,)
    third = np.argsort(np.argsort(amount, kind="stable")) * 3 // train.n_users  # (U,)
    parts = {name: float(gain[third == at].mean()) for at, name in enumerate(("fewest", "middle", "most"))}
    return {"all": float(gain.mean()), **parts, "medians": [float(np.median(amount[third == at])) for at in range(3)]}


def over_shops(values: np.ndarray) -> dict[str, Any]:
    """Mean over shops with its 95% t interval and p; shops are the sample."""
    n, spread = len(values), float(values.std(ddof=1)) / np.sqrt(len(values))
    half = float(t.ppf(0.975, n - 1)) * spread
    mean = float(values.mean())
    p = float(2 * t.sf(abs(mean) / spread, n - 1)) if spread > 0 else float(mean == 0)
    return {"mean": mean, "low": mean - half, "high": mean + half, "p": p, "above": int((values > 0).sum()), "of": n}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--shops", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/case.json"))
    options = parser.parse_args()
    check_committed()
    code = {"study": sha256_file(Path(__file__)), "package": code_hash(), **SIZE}
    seeds = range(FIRST, FIRST + options.shops)
    folders = Parallel(n_jobs=options.jobs)(
        delayed(cached_folder)("case-study", {**code, "seed": seed}, partial(of_shop, seed)) for seed in seeds
    )
    runs = [json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder in folders]
    table = {
        name: {metric: over_shops(np.array([run["models"][name][metric] for run in runs])) for metric in metrics}
        for name, metrics in runs[0]["models"].items()
    }
    against = {
        name: {
            metric: over_shops(np.array([run["models"][name][metric] - run["models"][BASE][metric] for run in runs]))
            for metric in metrics
        }
        for name, metrics in runs[0]["models"].items()
        if name != BASE
    }
    updated = {
        name: over_shops(np.array([run["feedback"][name] for run in runs]))
        for name in ("all", "fewest", "middle", "most")
    }
    medians = np.mean([run["feedback"]["medians"] for run in runs], axis=0).round(1).tolist()
    results = {
        "size": SIZE,
        "models": table,
        f"difference from {BASE}": against,
        "feedback": {"gain of the fourth list": updated, "median training ratings of the thirds": medians},
        "runs": runs,
    }
    command = f"python -m studies.case.record --shops {options.shops}"
    data = sha256_json([run["data"] for run in runs])
    save_record(options.out, results, seed=FIRST, seeds=options.shops, data_hash=data, command=command)


if __name__ == "__main__":
    main()
