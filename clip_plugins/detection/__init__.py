"""Open-vocabulary detectors as mmdet heads."""
