"""A sentiment classifier on reviews of clothing. Chapter: notebooks/10-sentiment.ipynb."""
