"""The published two-stage model with the published losses, narrow and from scratch, on captions of ov_shapes.

A row of its own in the demo's table, whatever it gives: minutes are little for a model that was trained for
two days on sixteen GPUs.
"""
_base_ = ["../_base_/datasets/ov_shapes_noun_captions.py", "../_base_/groupvit_runtime.py"]
model = dict(
    type="clip_plugins.GroupViT",
    image_tower=dict(
        image_size=160,
        stem=dict(patch_size=8),
        stages=[
            dict(depth=6, width=128, heads=4, group_tokens=64),
            dict(depth=3, width=128, heads=4, group_tokens=8),
            dict(depth=3, width=128, heads=4),
        ],
        drop_path_rate=0.1,
    ),
    text_tower=dict(
        type="clip_plugins.GroupViTText",
        width=128,
        layers=3,
        context_length=32,
        tokenizer="tiny",
    ),
    embed_dim=128,
    projector=dict(hidden_dim=1024),
    train_cfg=dict(
        multi_label=dict(type="clip_plugins.MultiLabelContrastiveLoss"),
        precision="auto",
    ),
    test_cfg=dict(mode="whole", top_names=5, background=dict(threshold=0.95)),
    data_preprocessor=dict(
        type="clip_plugins.GroupViTPreprocessor",
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
    ),
)
max_iters = 50
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1.6e-3, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0,
                       custom_keys={"logit_scale": dict(decay_mult=0.0)}),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.0025, by_epoch=False, begin=0, end=10),
    dict(type="CosineAnnealingLR", eta_min=4e-5, by_epoch=False, begin=10, end=max_iters),
]
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=50))
log_processor = dict(by_epoch=False)
