"""The shipped ViT variant of TinyCLIP: the ResNet variant is its teacher and lends it the text tower.

Contrast alone takes a ViT hours on two cores; the teacher's embedding of the same crop tells it much more.
"""
_base_ = ["../_base_/datasets/ov_shapes_captions.py", "../_base_/muon.py", "../_base_/default_runtime.py"]

model = dict(
    type="clip_plugins.CLIPPretraining",
    encoder=dict(type="clip_plugins.TinyCLIP", variant="vit", pretrained=False),
    loss=dict(type="clip_plugins.ContrastiveLoss"),
    teacher=dict(
        encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
        cosine=20.0,
        initialise_text=True,
        freeze_text=True,  # the teacher's space is the target, so its texts stay where they are
    ),
    data_preprocessor=dict(flip=0.5, brightness=0.1, contrast=0.1, noise=0.01),
)

max_iters = 3200
warmup_iters = 200
train_dataloader = dict(num_workers=1)
optim_wrapper = dict(
    type="OptimWrapper",
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(custom_keys=dict(logit_scale=dict(decay_mult=0.0))),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=warmup_iters),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False, begin=warmup_iters, end=max_iters),
]
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=max_iters, val_interval=800)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=400))
custom_hooks = [
    dict(type="clip_plugins.VocabularyHook", prompts="single"),
    dict(type="clip_plugins.PatchDropoutHook", rate=0.5, end=0.85),
    dict(type="clip_plugins.ExportEncoderHook", path="tiny_vit.safetensors", dtype="fp16"),
]
