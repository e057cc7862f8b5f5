"""The embedded catalogue: media and ratings drawn from known latent factors."""

from mmrec.simulation.simulator import simulate

__all__ = ["simulate"]
