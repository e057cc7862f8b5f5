"""Ways in which an evaluation goes wrong. Chapter: notebooks/16-protocol.ipynb."""
