# GroupViT as published: 224 px, 64 and then 8 groups; ImageNet's statistics, not CLIP's.
model = dict(
    type="clip_plugins.GroupViT",
    image_tower=dict(
        image_size=224,
        stem=dict(patch_size=16),
        stages=[
            dict(depth=6, width=384, heads=6, group_tokens=64),
            dict(depth=3, width=384, heads=6, group_tokens=8),
            dict(depth=3, width=384, heads=6),
        ],
        drop_path_rate=0.1,
    ),
    text_tower=dict(type="clip_plugins.GroupViTText", width=256, layers=12),
    embed_dim=256,
    projector=dict(hidden_dim=4096),
    train_cfg=dict(
        multi_label=dict(type="clip_plugins.MultiLabelContrastiveLoss"),
        precision="auto",
    ),
    test_cfg=dict(
        mode="slide",
        crop_size=(448, 448),
        stride=(224, 224),
        top_names=5,
        background=dict(threshold=0.95),
    ),
    data_preprocessor=dict(
        type="clip_plugins.GroupViTPreprocessor",
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
    ),
)
