# Closed vocabulary: the same tower, about as many weights in mmseg's own FPN head, one output a label.
# Outputs of names without masks are never taught, so it can't name them.
_base_ = ["../_base_/models/clip_pixels.py", "../_base_/lseg_demo_ov_shapes.py"]
norm_cfg = dict(type="BN", requires_grad=True)
model = dict(
    type="EncoderDecoder",
    data_preprocessor=dict(type="SegDataPreProcessor"),
    backbone=dict(
        type="clip_plugins.CLIPBackbone",
        encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
        layers=(1, 2, 3, 4),
    ),
    neck=dict(type="FPN", in_channels=[64, 128, 256, 512], out_channels=96, num_outs=4, norm_cfg=norm_cfg),
    decode_head=dict(
        type="FPNHead",
        in_channels=[96, 96, 96, 96],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=96,
        dropout_ratio=0.0,
        num_classes=193,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0, avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode="whole"),
)
# cross entropy of 193 outputs on every pixel: 8 images take six times as long as LSeg's
train_dataloader = dict(batch_size=4, dataset=dict(splits=None))  # labels are the values of the masks
train_cfg = dict(max_iters=200, val_interval=200)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=30, end=200, eta_min_ratio=0.01),
]
custom_hooks = []
