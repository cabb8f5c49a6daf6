"""Metrics that mmdet and mmseg lack."""
