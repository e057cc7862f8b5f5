"""Newer ratings heard by a fitted model, without any fitting: people change, weights do not."""

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.abilities import HearsRatings
from mmrec.models.base import Recommender


def hear(model: Recommender, rows: Interactions, features: Features | None = None) -> Recommender:
    """The same fitted model, people read off ``rows``; what they have rated in them is left out of their lists.

    Args:
        model: fitted, one that ``HearsRatings``.
        rows: all ratings by now; people may be new.
        features: as for fitting.

    Raises:
        InputError: the model has learned people by fitting them.
    """
    if not isinstance(model, HearsRatings):
        raise InputError(f"{model.name} cannot take in ratings without being fitted: fit it anew")
    return model.hear(rows, features)
