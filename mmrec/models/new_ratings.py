"""Update user profiles from new ratings without refitting the weights."""

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.abilities import UpdatesProfiles
from mmrec.models.base import Recommender


def update_profiles(model: Recommender, rows: Interactions, features: Features | None = None) -> Recommender:
    """The same fitted model with user profiles from ``rows``. Items that a user has rated in them are not listed.

    Args:
        model: fitted, one that ``UpdatesProfiles``.
        rows: all ratings by now; users may be new.
        features: as for fitting.

    Raises:
        InputError: the model learns user vectors by fitting.
    """
    if not isinstance(model, UpdatesProfiles):
        raise InputError(f"{model.name} cannot take in ratings without being fitted: fit it again")
    return model.update_profiles(rows, features)
