# Nouns without masks are learned, too: a region's mean embedding is drawn to TinyCLIP's of its crop.
_base_ = "./lseg_tiny-clip_demo_ov_shapes.py"
model = dict(regions=dict(weight=2.0, scales=(1.0,), least_pixels=64, count=32))
# 900 steps cost what 1,200 cost without regions
train_cfg = dict(max_iters=900, val_interval=900)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=900, eta_min_ratio=0.01),
]
