"""Multimodal recommendation: every formula of the document is one Keras layer (``mmrec.layers``).

Imports point one way: ``layers``, ``text`` -> ``data`` -> ``features`` -> ``models`` -> ``evaluation`` -> ``lists`` ->
``commands``.
"""

__version__ = "0.1.0"
