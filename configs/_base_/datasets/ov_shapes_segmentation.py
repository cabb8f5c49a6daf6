# ov_shapes: `python tools/prepare_data.py ov_shapes` makes it. Training masks are of base names only;
# pixels of all other objects are ignored.
# Images are enlarged: TinyCLIP knows objects of 64 px, most of these measure 28 to 51.
_base_ = "./seg_tta.py"
enlarged = dict(type="Resize", scale_factor=1.4, keep_ratio=True)
pasted = dict(type="clip_plugins.PasteObjects", images=6)  # a scene has three objects; there is room for ten
data_root = "data/ov_shapes/"
dataset_type = "clip_plugins.OpenVocabularySegDataset"

train_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="clip_plugins.LoadMask"),
    pasted,
    enlarged,
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    enlarged,
    dict(type="clip_plugins.LoadMask"),
    dict(type="PackSegInputs"),
]
tta_pipeline = [dict(type="clip_plugins.LoadImage"), enlarged, {{_base_.tta_views}}]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True, seed=0),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        class_file="annotations/names.json",
        splits=("base",),
        img_suffix=".png",
        data_prefix=dict(img_path="images/train", seg_map_path="semantic/train"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        class_file="annotations/names.json",
        img_suffix=".png",
        data_prefix=dict(img_path="images/val", seg_map_path="semantic/val"),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    val_dataloader,
    dataset=dict(
        val_dataloader["dataset"], data_prefix=dict(img_path="images/test", seg_map_path="semantic/test")
    ),
)
val_evaluator = dict(type="clip_plugins.OpenVocabularyIoU", nouns=True)
test_evaluator = val_evaluator
