# For mmseg's tools/test.py --tta: each image at three sizes, mirrored, too; scores are averaged.
tta_model = dict(type="clip_plugins.OpenVocabularyTTA")
tta_views = dict(
    type="TestTimeAug",
    transforms=[
        [dict(type="mmseg.Resize", scale_factor=factor, keep_ratio=True) for factor in (0.75, 1.0, 1.25)],
        [dict(type="mmseg.RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)],
        [dict(type="clip_plugins.LoadMask")],
        [dict(type="mmseg.PackSegInputs")],
    ],
)
tta_pipeline = [dict(type="clip_plugins.LoadImage"), tta_views]
