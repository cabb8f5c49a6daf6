# A zero-shot test of segmentation with the short side at 448; who inherits this says of which set.
test_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(type="mmseg.Resize", scale=(2048, 448), keep_ratio=True),
    dict(type="mmseg.LoadAnnotations"),
    dict(type="mmseg.PackSegInputs"),
]
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmseg.BaseSegDataset", img_suffix=".jpg", seg_map_suffix=".png", pipeline=test_pipeline
    ),
)
val_dataloader = test_dataloader
tta_model = dict(type="clip_plugins.OpenVocabularyTTA")
tta_pipeline = [
    dict(type="clip_plugins.LoadImage"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="mmseg.Resize", scale=(2048, side), keep_ratio=True) for side in (448, 560)],
            [dict(type="mmseg.RandomFlip", prob=0.0), dict(type="mmseg.RandomFlip", prob=1.0)],
            [dict(type="mmseg.LoadAnnotations")],
            [dict(type="mmseg.PackSegInputs")],
        ],
    ),
]
test_evaluator = dict(type="mmseg.IoUMetric", iou_metrics=["mIoU"])
val_evaluator = test_evaluator
