"""Pre-training on photographs: tiny_imagenet, coco_tiny's captions and labels; tested on coco_tiny's masks.

Few pictures: what it shows is that the whole way works on photographs, not what GroupViT can learn.
"""
_base_ = [
    "../_base_/datasets/photograph_pairs.py",
    "../_base_/datasets/seg_tta.py",
    "../_base_/muon.py",
    "../_base_/groupvit_runtime.py",
]
custom_imports = dict(
    imports=["clip_plugins", "clip_plugins.datasets.photo_pairs"], allow_failed_imports=False
)
model = dict(
    type="clip_plugins.GroupViT",
    image_tower=dict(
        image_size=64,
        stem=dict(patch_size=8),
        stages=[
            dict(depth=4, width=192, heads=6, group_tokens=16),
            dict(depth=2, width=192, heads=6),
        ],
        drop_path_rate=0.0,
    ),
    text_tower=dict(type="clip_plugins.GroupViTText", width=128, layers=3, context_length=32),
    embed_dim=128,
    projector=dict(hidden_dim=1024),
    train_cfg=dict(
        contrastive=dict(type="clip_plugins.ContrastiveLoss"),
        multi_label=dict(type="clip_plugins.SoftMaximumLoss", merge_duplicates=True),
        precision="auto",
    ),
    test_cfg=dict(mode="slide", crop_size=(64, 64), stride=(32, 32), top_names=None,
                  background=dict(threshold=0.95)),
    data_preprocessor=dict(
        type="clip_plugins.GroupViTPreprocessor",
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
        brightness=0.3,
        contrast=0.3,
    ),
)
captions = {{_base_.train_dataloader.dataset}}
train_dataloader = dict(
    batch_size=128,
    dataset=dict(
        _delete_=True,
        type="clip_plugins.CaptionsWithNouns",
        nouns=dict(type="clip_plugins.NounsOfPhotograph"),
        classes=["person", "dog", "cat", "car", "chair", "bus", "airplane", "bird", "boat", "cow"],
        dataset=captions,
    ),
)
masks = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="clip_plugins.OpenVocabularySegDataset",
        data_root="{{$CLIP_PLUGINS_PHOTOGRAPHS:../shared/data}}/coco_tiny",
        class_file="semantic/classes.json",
        class_key="objects",
        ann_file="val.txt",
        data_prefix=dict(img_path="images", seg_map_path="semantic/objects"),
        pipeline=[
            dict(type="clip_plugins.LoadImage"),
            dict(type="mmseg.Resize", scale=(256, 128), keep_ratio=True),
            dict(type="mmseg.LoadAnnotations"),
            dict(type="mmseg.PackSegInputs"),
        ],
    ),
)
val_dataloader = dict(_delete_=True, **masks)
test_dataloader = dict(_delete_=True, **masks)
val_evaluator = dict(_delete_=True, type="clip_plugins.OpenVocabularyIoU")
test_evaluator = dict(_delete_=True, type="clip_plugins.OpenVocabularyIoU")
max_iters = 1200
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=max_iters, val_interval=400)
optim_wrapper = dict(
    type="OptimWrapper",
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(custom_keys={"logit_scale": dict(decay_mult=0.0)}),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False, begin=100, end=max_iters),
]
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=400))
log_processor = dict(by_epoch=False)
