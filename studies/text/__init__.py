"""Word vectors, learned from the descriptions. Chapter: notebooks/02-text.ipynb."""
