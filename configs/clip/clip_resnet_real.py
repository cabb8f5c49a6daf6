"""A CLIP of real photographs, trained on image-text pairs alone: .7 s a step on one free Zen 4 core."""
_base_ = [
    "../_base_/models/clip_resnet_real.py",
    "../_base_/datasets/photograph_pairs.py",
    "../_base_/muon.py",
    "../_base_/default_runtime.py",
]

custom_imports = dict(
    imports=["clip_plugins", "clip_plugins.datasets.photo_pairs"], allow_failed_imports=False
)
model = dict(
    type="clip_plugins.CLIPPretraining",
    encoder={{_base_.untrained_encoder}},
    loss=dict(type="clip_plugins.ContrastiveLoss", label_smoothing=0.1),
    data_preprocessor=dict(flip=0.5, brightness=0.3, contrast=0.3),
)

max_iters = 1600
warmup_iters = 100
optim_wrapper = dict(
    type="OptimWrapper",
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(custom_keys=dict(logit_scale=dict(decay_mult=0.0))),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=warmup_iters),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False, begin=warmup_iters, end=max_iters),
]
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=max_iters, val_interval=400)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=400))
custom_hooks = [
    dict(type="clip_plugins.VocabularyHook", prompts="imagenet7"),
    dict(type="clip_plugins.ExportEncoderHook", path="encoder.safetensors", dtype="fp32"),
]
