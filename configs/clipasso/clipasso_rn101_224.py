"""The official recipe: RN101 compares stages 2 and 3 and embeddings, ViT-B/32 says where strokes begin."""
_base_ = "../_base_/sketch_runtime.py"
pictures = dict(path="data/sketch")  # a picture or a folder; --cfg-options pictures.path=...
clip_loss = dict(
    type="clip_plugins.CLIPassoLoss",
    encoder=dict(type="clip_plugins.OpenCLIP", model="RN101-quickgelu", pretrained="openai"),
    layers=dict(layer2=1.0, layer3=1.0),  # the paper counts the stem and calls them 3 and 4
    semantic_weight=0.1,
)
model = dict(
    type="clip_plugins.Sketcher",
    canvas=224,
    half_width=1.5,  # lines of 3 pixels
    rasteriser=dict(type="clip_plugins.TorchRasteriser", mode="fast"),
    objective=dict(
        type="clip_plugins.SketchObjective",
        terms=[clip_loss],
    ),
    start=dict(
        type="clip_plugins.StrokeStart",
        source="saliency",
        encoder=dict(type="clip_plugins.OpenCLIP", model="ViT-B-32-quickgelu", pretrained="openai"),
        temperature=0.3,
        reach=0.05,
    ),
    views=dict(type="clip_plugins.JointViews", views=4, distortion=0.5, crop_area=0.8),
    schedule=dict(iterations=2001, evaluate_every=10, points_rate=1.0),
)
