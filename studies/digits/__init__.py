"""A recogniser of spoken digits. Chapter: notebooks/11-digits.ipynb."""
