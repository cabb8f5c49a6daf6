"""The shipped ResNet variant of TinyCLIP: contrast alone, 23 minutes on one busy core."""
_base_ = ["../_base_/datasets/ov_shapes_captions.py", "../_base_/muon.py", "../_base_/default_runtime.py"]

model = dict(
    type="clip_plugins.CLIPPretraining",
    encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet", pretrained=False),
    loss=dict(type="clip_plugins.ContrastiveLoss"),
    data_preprocessor=dict(flip=0.5, brightness=0.1, contrast=0.1, noise=0.01),
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
    dict(type="clip_plugins.VocabularyHook", prompts="single"),
    dict(type="clip_plugins.ExportEncoderHook", path="tiny_resnet.safetensors", dtype="fp16"),
]
