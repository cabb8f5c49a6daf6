"""Frozen CLIP towers: the contract, the open_clip adapter, the shipped tiny models, sharing."""
