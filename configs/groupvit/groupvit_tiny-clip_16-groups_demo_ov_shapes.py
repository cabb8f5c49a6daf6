"""GroupViT of the demo: one grouping of a 28x28 grid into 16 groups, on maps of TinyCLIP's image tower.

From captions alone. Patches of 16 px are too coarse for shapes of 20 to 72 px (a perfect labelling of a
10x10 grid reaches 47 % mIoU, of 20x20 72 %), and the published losses collapse in minutes of training: the
mean over groups asks every group for every noun. Here an image says of a noun what its best group says, and
its nouns are told from all names, so that many small batches teach more than few large ones.
"""
_base_ = [
    "../_base_/datasets/ov_shapes_noun_captions.py",
    "../_base_/muon.py",
    "../_base_/groupvit_runtime.py",
]
tiny_clip = dict(type="clip_plugins.TinyCLIP", variant="resnet")
model = dict(
    type="clip_plugins.GroupViT",
    image_tower=dict(
        image_size=160,
        # layer 2 has a cell for 8x8 pixels, 5.7 of the original; layers 3 and 4 see more of each shape
        stem=dict(type="clip_plugins.EncoderStem", encoder=tiny_clip, layers=(2, 3, 4), enlarge=1.4),
        stages=[
            dict(depth=1, width=128, heads=4, group_tokens=16),
            dict(depth=1, width=128, heads=4),
        ],
        drop_path_rate=0.0,
    ),
    text_tower=tiny_clip,  # frozen
    embed_dim=128,
    projector=dict(num_layers=1),
    train_cfg=dict(
        contrastive=dict(type="clip_plugins.ContrastiveLoss"),
        all_names=dict(type="clip_plugins.AllNamesLoss", weight=2.0),
        precision="auto",
    ),
    test_cfg=dict(mode="whole", top_names=None, background=dict(threshold=0.95)),
    data_preprocessor=dict(
        type="clip_plugins.GroupViTPreprocessor",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        brightness=0.1,
        contrast=0.1,
    ),
)
max_iters = 1200
train_cfg = dict(type="clip_plugins.ResumableIterLoop", max_iters=max_iters, val_interval=400)
train_dataloader = dict(batch_size=8, dataset=dict(max_prompts=0))
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(lr=0.01),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(
        # what TinyCLIP knows of shapes shall stay
        custom_keys={"stem.encoder": dict(lr_mult=0.2), "logit_scale": dict(decay_mult=0.0)},
    ),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False, begin=50, end=max_iters),
]
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=400))
log_processor = dict(by_epoch=False)
custom_hooks = [dict(type="clip_plugins.VocabularyHook", prompts="single")]
