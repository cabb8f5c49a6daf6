# And regions: outlines of all objects draw embeddings to CLIP's of their crops, whatever their names.
_base_ = "./lseg_clip-resnet_coco_tiny.py"
model = dict(regions=dict(weight=1.0, scales=(1.0, 1.5), least_pixels=256))
