# Nouns without masks are learned, too: a region's mean embedding is drawn to TinyCLIP's of its crop.
_base_ = "./lseg_tiny-clip_demo_ov_shapes.py"
model = dict(regions=dict(weight=2.0, scales=(1.0, 1.5), least_pixels=64))
