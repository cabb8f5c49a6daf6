# And regions: the withheld classes' outlines are seen, never their names.
_base_ = "./lseg_clip-resnet_camvid.py"
model = dict(regions=dict(weight=1.0, scales=(1.0,), least_pixels=256))
