# The paper's model: ViT-L/16 with ImageNet weights, decoder of 256 channels, text tower of OpenAI's ViT-B/32.
encoder = dict(type="clip_plugins.OpenCLIP", model="ViT-B-32-quickgelu", pretrained="openai")
model = dict(
    type="clip_plugins.LSeg",
    data_preprocessor=dict(
        type="clip_plugins.MixedSizePreprocessor",
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(480, 480),
    ),
    encoder=encoder,
    embed_dim=512,
    backbone=dict(
        type="clip_plugins.DPTViT",
        architecture="vit_large_patch16_384",
        taps=(5, 11, 17, 23),
        weights="download",
    ),
    decoder=dict(
        in_channels=(256, 512, 1024, 1024),
        channels=256,
        tokens=dict(width=1024, scales=(4, 2, 1, 0.5), readout="project"),
        norm_cfg=dict(type="SyncBN", requires_grad=True),
    ),
    test_cfg=dict(mode="multi_scale", base_size=520, crop_size=480),
)
