# The paper's loss: pixels of base names, all others ignored.
_base_ = ["../_base_/models/lseg_tiny-clip.py", "../_base_/lseg_demo_ov_shapes.py"]
