"""Every way to fuse: ``record`` writes results/fusion-*.json. Chapter: notebooks/05-fusion.ipynb."""
