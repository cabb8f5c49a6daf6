"""ov_shapes (the embedded benchmark), image-text pairs, readers for public annotation formats."""
