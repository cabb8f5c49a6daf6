# The zero-shot model: torchvision's ResNet-101, every image one class against `others`; 480 px, squashed.
model = dict(
    type="clip_plugins.LSegZeroShot",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(480, 480),
    ),
    encoder=dict(type="clip_plugins.OpenCLIP", model="ViT-B-32-quickgelu", pretrained="openai"),
    backbone=dict(type="clip_plugins.DPTResNet", weights="download"),
    decoder=dict(
        in_channels=(256, 512, 1024, 2048), channels=256, norm_cfg=dict(type="SyncBN", requires_grad=True)
    ),
    test_cfg=dict(mode="whole"),
)
