"""The faults of the listing in section 5, in the order in which running it brings them up."""

from dataclasses import dataclass, fields, replace
from typing import Self

from studies.listing.program import CRASHES


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: its switch in ``Faults``.
        group: data, labels, inputs, features, evaluation or reading.
        section: where the document has it.
        what: the fault in a few words.
        repair: what is done instead.
    """

    name: str
    group: str
    section: str
    what: str
    repair: str


FAULTS = (
    Fault("lengths", "data", "5.2.1", "tables of unequal length", "product rows repeated until they fit"),
    Fault("missing", "data", "5.2.1", "absent texts and files", "rows without text, picture or sound dropped"),
    Fault("flat_convolution", "inputs", "5.2.3", "2-D convolution over 13 numbers", "a dense layer over them"),
    Fault("strings", "inputs", "5.2.3", "strings fed to a network", "TF-IDF, pixels and MFCCs fed to it"),
    Fault("narrow", "inputs", "5.2.3", "1,000 words expected, fewer there", "an input as wide as the vocabulary"),
    Fault("batch_axis", "reading", "5.2.4", "no batch axis on picture and sound", "a batch axis of one"),
    Fault("served_features", "reading", "5.2.4", "pixels trained on, features given", "pixels given"),
    Fault("single_score", "reading", "5.2.4", "one score called a list", "every item ranked for every user"),
    Fault("stars", "labels", "5.2.3", "ratings of 1 to 5 under cross-entropy", "like or dislike"),
    Fault("accuracy", "evaluation", "5.2.3", "accuracy on ratings", "AUC of likes"),
    Fault("positions", "data", "5.2.1", "rows paired by position", "tables joined by item_id"),
    Fault("float_indices", "inputs", "5.2.3", "TF-IDF floats fed to an embedding", "word vectors weighted by TF-IDF"),
    Fault("raw_pictures", "inputs", "5.2.3", "raw pictures though features were made", "the features are read"),
    Fault("rebuilt_network", "features", "5.2.2", "picture network rebuilt for each picture", "built once"),
    Fault("picture_scale", "features", "5.2.2", "pictures not on the network's scale", "the scale it was made for"),
    Fault("raw_features", "features", "5.2.3", "features never normalised", "scaled on training items"),
    Fault("review", "labels", "5.2.1", "text of the rating to be predicted", "text of the item"),
    Fault("no_user", "data", "5.2.3", "no user", "embedding and profile of the user"),
    Fault("row_split", "evaluation", "5.2.1", "split over rows", "split by time"),
    Fault(
        "misread_score", "reading", "5.4", "a score read as a part of the rating", "read as a probability, and checked"
    ),
)
"""All faults; each repair assumes those before it. The first seven stop the program: ``program.CRASHES``."""


@dataclass(frozen=True)
class Faults:
    """Which faults are in force: one switch each, all off by default. What each is: ``FAULTS``."""

    lengths: bool = False
    missing: bool = False
    flat_convolution: bool = False
    strings: bool = False
    narrow: bool = False
    batch_axis: bool = False
    served_features: bool = False
    single_score: bool = False
    stars: bool = False
    accuracy: bool = False
    positions: bool = False
    float_indices: bool = False
    raw_pictures: bool = False
    rebuilt_network: bool = False
    picture_scale: bool = False
    raw_features: bool = False
    review: bool = False
    no_user: bool = False
    row_split: bool = False
    misread_score: bool = False

    @classmethod
    def everything(cls) -> Self:
        """The listing as it stands."""
        return cls(**{field.name: True for field in fields(cls)})

    def repaired(self, *names: str) -> Self:
        """The same without the named faults."""
        return replace(self, **{name: False for name in names})

    def training(self) -> Self:
        """The same without the faults that do not change what the audit's network learns."""
        return self.repaired(*CRASHES, "single_score", "accuracy", "rebuilt_network", "misread_score")


AS_IT_STANDS = "the listing as it stands"


def repaired_in_turn() -> dict[str, Faults]:
    """Name -> what is left in force when that fault and all before it are repaired; first the listing as it stands."""
    left = Faults.everything()
    steps = {AS_IT_STANDS: left}
    for fault in FAULTS:
        left = left.repaired(fault.name)
        steps[fault.name] = left
    return steps


_BEFORE_PICTURES = repaired_in_turn()["float_indices"]
ORDERS = {
    "raw pictures, unscaled sounds": _BEFORE_PICTURES,
    "picture features, unscaled": _BEFORE_PICTURES.repaired("raw_pictures"),
    "raw pictures, scaled sounds": _BEFORE_PICTURES.repaired("raw_features"),
    "picture features, scaled": _BEFORE_PICTURES.repaired("raw_pictures", "raw_features"),
}
"""One repair, ``raw_pictures``, made before and after ``raw_features``: two pairs of pipelines."""


def one_at_a_time() -> dict[str, Faults]:
    """Name -> that fault in force and all others repaired."""
    return {fault.name: Faults(**{fault.name: True}) for fault in FAULTS}
