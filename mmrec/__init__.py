"""Multimodal recommendation: every formula of the document is one Keras layer.

Imports point one way: ``data`` -> ``features`` (and the formula layers ``text``, ``image``,
``audio``, ``fusion``, ``scorer``) -> ``models`` -> ``evaluation`` -> ``simulation`` -> ``datasets`` -> ``book``.
"""

__version__ = "0.1.0"
