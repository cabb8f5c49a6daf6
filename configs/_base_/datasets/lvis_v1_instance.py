# LVIS v1 with rare names as novel ones: 866 base names in training, 1,203 at test. The two annotation files
# are made by `python tools/prepare_data.py lvis lvis_v1_train.json lvis_v1_val.json --out
# data/lvis_v1/annotations`; images are COCO's, in data/lvis_v1/{train2017,val2017}. What differs between
# recipes (size of the images, samples of a batch) stands in `lvis_v1_lsj.py` and `lvis_v1_20e.py`.
data_root = "data/lvis_v1/"
dataset_type = "clip_plugins.OpenVocabularyCocoDataset"
train_file, val_file = "annotations/lvis_v1_train_base.json", "annotations/lvis_v1_val_all.json"
meta_keys = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    batch_sampler=dict(type="AspectRatioBatchSampler"),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=train_file,
        data_prefix=dict(img=""),
        filter_cfg=dict(filter_empty_gt=True),
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type=dataset_type, data_root=data_root, ann_file=val_file, data_prefix=dict(img=""), test_mode=True
    ),
)
test_dataloader = val_dataloader
# `clip_plugins.LVISFixedAveragePrecision` beside it: see docs/real-scale.md
val_evaluator = dict(
    type="clip_plugins.LVISAveragePrecision", ann_file=data_root + val_file, metric=["bbox", "segm"]
)
test_evaluator = val_evaluator
