"""A picture network, trained on the genres. Chapter: notebooks/03-image.ipynb."""
