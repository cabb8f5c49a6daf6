# Scenes of ov_shapes with their captions and the names in them; no mask is seen in training. All 192 names
# and the background are candidates on every pixel of unseen scenes.
_base_ = "./seg_tta.py"
data_root = "data/ov_shapes/"
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="InfiniteSampler", shuffle=True, seed=0),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="clip_plugins.CaptionsWithNouns",
        nouns=dict(type="clip_plugins.NounsOfFile", ann_file=data_root + "annotations/captions.jsonl"),
        max_prompts=3,
        prompts="imagenet80",
        classes=data_root + "annotations/instances_train_all.json",
        dataset=dict(
            type="clip_plugins.ImageTextDataset",
            data_root=data_root,
            ann_file="annotations/captions.jsonl",
            size=160,
            # whole pictures alone: their objects' crops would tell where things are
            repeats=dict(object=0, background=0, sketch=0, drawing=0),
        ),
    ),
)
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="mmseg.LoadAnnotations"),
    dict(type="mmseg.PackSegInputs"),
]
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="clip_plugins.OpenVocabularySegDataset",
        data_root=data_root,
        class_file="annotations/names.json",
        data_prefix=dict(img_path="images/test", seg_map_path="semantic/test"),
        img_suffix=".png",
        seg_map_suffix=".png",
        pipeline=test_pipeline,
    ),
)
val_dataloader = dict(
    test_dataloader,
    dataset=dict(
        test_dataloader["dataset"], data_prefix=dict(img_path="images/val", seg_map_path="semantic/val")
    ),
)
test_evaluator = dict(type="clip_plugins.OpenVocabularyIoU", nouns=True)
val_evaluator = test_evaluator
