"""The audience of a new item. Chapter: notebooks/08-lists.ipynb."""
