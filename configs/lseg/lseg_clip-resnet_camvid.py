# Street scenes, nine of eleven classes labelled; there is no background: every pixel has a class.
_base_ = ["../_base_/lseg_photographs.py", "../_base_/datasets/camvid_segmentation.py"]
model = dict(background=None)
