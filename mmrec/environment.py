"""The environment variables that the project reads. ``mmrec --help`` lists them."""

import os

DATA = "MMREC_DATA"
ENCODERS = "MMREC_ENCODERS"
VGG16 = "MMREC_VGG16"
CACHE = "MMREC_CACHE"
ALLOW_UNCOMMITTED = "MMREC_ALLOW_UNCOMMITTED"
OPENED = "MMREC_OPENED"
BACKEND = "KERAS_BACKEND"

VARIABLES = {
    DATA: "folder of real data sets: DIR where they were fetched with 'mmrec fetch NAME --to DIR/NAME'",
    ENCODERS: "folder of pre-trained encoders: DIR of 'mmrec fetch encoders --to DIR'",
    VGG16: "file with the weights of VGG16 without its top, for the encoder vgg16",
    CACHE: "folder of the cache; default: the user's cache folder",
    ALLOW_UNCOMMITTED: "1 lets a record be saved from a tree with uncommitted changes, and marks its commit with '+'",
    OPENED: "file to which the fingerprint of each opened catalogue is added; set by 'mmrec book'",
    BACKEND: "Keras's backend: tensorflow (default) or jax",
}
"""Variable -> what it means."""


def variable(name: str) -> str:
    """The value of a variable of ``VARIABLES``; empty where it is not set.

    Raises:
        KeyError: the variable is not listed.
    """
    if name not in VARIABLES:
        raise KeyError(f"{name} is not listed in mmrec.environment.VARIABLES")
    return os.environ.get(name, "")
