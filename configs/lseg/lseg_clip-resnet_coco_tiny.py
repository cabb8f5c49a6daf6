# Photographs of COCO, 48 base names labelled.
_base_ = ["../_base_/lseg_photographs.py", "../_base_/datasets/coco_tiny_segmentation.py"]
