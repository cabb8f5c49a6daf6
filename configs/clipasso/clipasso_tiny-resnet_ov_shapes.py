"""TinyCLIP's ResNet draws as the official RN101 does, its ViT judges."""
_base_ = "../_base_/sketch_ov_shapes.py"
clip_loss = dict(
    type="clip_plugins.CLIPassoLoss",
    encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
    layers=dict(layer2=1.0, layer3=1.0),
    semantic_weight=0.1,
)
model = dict(
    objective=dict(
        type="clip_plugins.SketchObjective",
        terms=[clip_loss],
    ),
)
options = dict(
    judge=dict(
        type="clip_plugins.SketchJudge",
        encoder=dict(type="clip_plugins.TinyCLIP", variant="vit"),
        names={{_base_.nouns}},
    )
)
