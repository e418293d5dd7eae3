"""Latent vectors: what the trained encoder makes of any folder of images."""
