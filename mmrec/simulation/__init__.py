"""The embedded catalogue: media and ratings drawn from known latent factors."""
