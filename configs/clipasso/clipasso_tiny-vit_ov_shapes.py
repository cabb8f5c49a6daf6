"""TinyCLIP's ViT draws, its ResNet judges."""
_base_ = "../_base_/sketch_ov_shapes.py"
clip_loss = dict(
    type="clip_plugins.CLIPassoLoss",
    encoder=dict(type="clip_plugins.TinyCLIP", variant="vit"),
    layers=dict(block1=0.005, block2=0.005),  # its tokens are long: squares of 300
    semantic_weight=0.1,
)
model = dict(
    objective=dict(
        type="clip_plugins.SketchObjective",
        terms=[clip_loss],
    ),
    views=dict(views=2),  # a step of the ViT costs three of the ResNet
    schedule=dict(iterations=60),
)
options = dict(
    judge=dict(
        type="clip_plugins.SketchJudge",
        encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
        names={{_base_.nouns}},
    )
)
