"""All models under one protocol, new items and users, and other libraries. Chapter: notebooks/14-models.ipynb.

``record``, ``new_items`` and ``peers`` write results/models-*.json, new-*.json and peers.json.
"""
