"""The embedded catalogue: media and ratings drawn from known latent factors."""

from mmrec.simulation.catalogue import simulate

__all__ = ["simulate"]
