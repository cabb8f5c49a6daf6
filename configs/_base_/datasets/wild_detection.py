# 234 photographs of five domains, 17 base and 8 novel names; the folder is not part of this repository
# (another place than ../shared/data: environment variable CLIP_PLUGINS_PHOTOGRAPHS).
_base_ = "./photographs_detection.py"
data_root = "{{$CLIP_PLUGINS_PHOTOGRAPHS:../shared/data}}/wild/"
val_annotations = data_root + "instances_val.json"
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=val_annotations)
test_evaluator = val_evaluator
