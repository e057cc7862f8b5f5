"""Recommenders under one contract, found by name."""

from importlib import import_module
from pathlib import Path
from typing import Any

from mmrec.errors import InputError
from mmrec.models.base import Recommender, read_record

REGISTRY = {
    "random": "mmrec.models.random_order:RandomOrder",
    "popularity": "mmrec.models.popularity:Popularity",
    "popularity-recent": "mmrec.models.popularity:RecentPopularity",
    "content-popularity": "mmrec.models.content_popularity:ContentPopularity",
    "item-knn": "mmrec.models.neighbours:ItemKNN",
    "mf": "mmrec.models.factorisation:MatrixFactorisation",
    "mf-ratings": "mmrec.models.rating_factorisation:RatingFactorisation",
    "ease": "mmrec.models.ease:EASE",
    "graph-filter": "mmrec.models.graph_filter:GraphFilter",
    "content": "mmrec.models.profile:ContentProfile",
    "ease-features": "mmrec.models.ease:FeatureEASE",
    "graph-filter-features": "mmrec.models.graph_filter:FeatureGraphFilter",
    "popularity-and-taste": "mmrec.models.popularity_and_taste:PopularityAndTaste",
    "document-literal": "mmrec.models.document:LiteralReading",
    "document-user": "mmrec.models.document:UserReading",
    "fusion": "mmrec.models.fusion:FusionRecommender",
    "bpr": "mmrec.models.vbpr:BPR",
    "vbpr": "mmrec.models.vbpr:VBPR",
    "two-towers": "mmrec.models.two_towers:TwoTowers",
    "graph-network": "mmrec.models.graph_network:GraphRecommender",
    "gru": "mmrec.models.sequence:GRU",
    "lstm": "mmrec.models.sequence:LSTM",
    "cnn": "mmrec.models.sequence:CNN",
    "transformer": "mmrec.models.sequence:Transformer",
    "rank-fusion": "mmrec.models.ensemble:RankFusion",
    "stacked": "mmrec.models.ensemble:Stacked",
}
RENAMED = {"chance": "random"}
"""Former name of a model -> its name. Saved models are read under both."""


def model_class(name: str) -> type[Recommender]:
    """The class of a model, imported when first asked for (Keras takes seconds to import).

    Raises:
        InputError: there is no such model.
    """
    if name in RENAMED:
        raise InputError(f"the model {name!r} is now called {RENAMED[name]!r}")
    if name not in REGISTRY:
        raise InputError(f"unknown model {name!r}: choose from {', '.join(REGISTRY)}")
    module, _, attribute = REGISTRY[name].partition(":")
    return getattr(import_module(module), attribute)


def make_model(name: str, **settings: Any) -> Recommender:
    """A fresh model with the given settings over its defaults."""
    return model_class(name)(**settings)


def load_model(folder: Path | str) -> Recommender:
    """A saved model, ready to score. No pickle is read."""
    record = read_record(folder)
    name = RENAMED.get(record["name"], record["name"])
    return make_model(name, **record["settings"])._load(Path(folder), record)
