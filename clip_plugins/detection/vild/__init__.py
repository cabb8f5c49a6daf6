"""ViLD: open-vocabulary detection by distilling CLIP (arXiv 2104.13921)."""
