"""Gathered image-text losses and the CLIP training model."""
