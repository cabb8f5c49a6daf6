# 399 photographs of COCO, 48 base and 17 novel names as in OV-COCO; the folder is not part of this repository
# (another place than ../shared/data: environment variable CLIP_PLUGINS_PHOTOGRAPHS).
_base_ = "./photographs_detection.py"
data_root = "{{$CLIP_PLUGINS_PHOTOGRAPHS:../shared/data}}/coco_tiny/"
val_annotations = data_root + "instances_val.json"
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
# The novel names that occur among tiny_imagenet's labels too: what an image-text model of that set may know.
names_seen_by_clip = [
    "airplane", "bus", "cat", "dog", "cow", "elephant", "umbrella", "tie", "keyboard", "cup",
]  # fmt: skip
val_evaluator = dict(
    ann_file=val_annotations,
    extra_groups=dict(novel_seen_by_clip=names_seen_by_clip),
)
test_evaluator = val_evaluator
