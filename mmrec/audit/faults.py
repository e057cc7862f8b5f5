"""The faults of the listing in section 5, in the order in which somebody who runs it would mend them."""

from dataclasses import dataclass, fields, replace
from typing import Self


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: its switch in ``Faults``.
        group: data, labels, inputs, features, evaluation or reading.
        section: where the document has it.
        what: the fault in a few words.
        mending: what is done instead.
    """

    name: str
    group: str
    section: str
    what: str
    mending: str


FAULTS = (
    Fault("lengths", "data", "5.2.1", "tables of unequal length", "product rows repeated until they fit"),
    Fault("flat_convolution", "inputs", "5.2.3", "2-D convolution over 13 numbers", "a dense layer over them"),
    Fault("strings", "inputs", "5.2.3", "strings fed to a network", "numbers fed to it"),
    Fault("single_score", "reading", "5.2.4", "one score called a list", "every item ranked for every person"),
    Fault("stars", "labels", "5.2.3", "ratings of 1 to 5 under cross-entropy", "like or dislike"),
    Fault("accuracy", "evaluation", "5.2.3", "accuracy on ratings", "AUC of likes"),
    Fault("positions", "data", "5.2.1", "rows paired by position", "tables joined by item_id"),
    Fault("float_indices", "inputs", "5.2.3", "TF-IDF floats fed to an embedding", "word vectors weighted by TF-IDF"),
    Fault("raw_pictures", "inputs", "5.2.3", "raw pictures though features were made", "the features are read"),
    Fault("rebuilt_network", "features", "5.2.2", "picture network rebuilt for each picture", "built once"),
    Fault("picture_scale", "features", "5.2.2", "pictures not on the network's scale", "the scale it was made for"),
    Fault("raw_features", "features", "5.2.3", "features never normalised", "scaled on training items"),
    Fault("review", "labels", "5.2.1", "text of the very rating", "text of the item"),
    Fault("nobody", "data", "5.2.3", "no user", "embedding and profile of the person"),
    Fault("row_split", "evaluation", "5.2.1", "split over rows", "split by time"),
    Fault("test_as_validation", "evaluation", "5.2.3", "test used as validation", "validation rows of their own"),
    Fault("misread_score", "reading", "5.4", "a score read as a part of the rating", "read as a chance, and checked"),
)
"""All faults; each mending assumes those before it."""


@dataclass(frozen=True)
class Faults:
    """Which faults are in force: one switch each, all off by default. What each is: ``FAULTS``."""

    lengths: bool = False
    flat_convolution: bool = False
    strings: bool = False
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
    nobody: bool = False
    row_split: bool = False
    test_as_validation: bool = False
    misread_score: bool = False

    @classmethod
    def everything(cls) -> Self:
        """The listing as it stands."""
        return cls(**{field.name: True for field in fields(cls)})

    def mended(self, *names: str) -> Self:
        """The same without the named faults."""
        return replace(self, **{name: False for name in names})

    def training(self) -> Self:
        """The same without the faults that change nothing of what is learned."""
        return self.mended(
            "lengths",
            "flat_convolution",
            "strings",
            "single_score",
            "accuracy",
            "rebuilt_network",
            "test_as_validation",
            "misread_score",
        )


AS_IT_STANDS = "the listing as it stands"


def mended_in_turn() -> dict[str, Faults]:
    """Name -> what is left in force when that fault and all before it are mended; first the listing as it stands."""
    left = Faults.everything()
    steps = {AS_IT_STANDS: left}
    for fault in FAULTS:
        left = left.mended(fault.name)
        steps[fault.name] = left
    return steps


def one_at_a_time() -> dict[str, Faults]:
    """Name -> that fault in force and all others mended."""
    return {fault.name: Faults(**{fault.name: True}) for fault in FAULTS}
