"""Multimodal recommendation: every formula of the document is one Keras layer.

Imports point one way: ``data`` -> ``features`` (and the formula layers ``text``, ``image``,
``audio``, ``fusion``, ``scorer``) -> ``models`` -> ``evaluation`` -> ``simulation`` -> ``datasets`` -> ``book``.
"""

import os

# TensorFlow adds up gradients in the order in which its operations happen to end; one at a time, each on
# all cores, training with one seed repeats itself to the bit. Read when TensorFlow is first imported.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

__version__ = "0.1.0"
