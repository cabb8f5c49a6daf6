# Every labelled pixel teaches, as in the paper: background is four fifths of them.
_base_ = "./lseg_tiny-clip_demo_ov_shapes.py"
model = dict(pixels=None)
