"""TinyCLIP's ResNet draws; strokes begin along contours, which are a second target (not in CLIPasso)."""
_base_ = "./clipasso_tiny-resnet_ov_shapes.py"
model = dict(
    objective=dict(
        terms=[
            dict(
                type="clip_plugins.CLIPassoLoss",
                encoder=dict(type="clip_plugins.TinyCLIP", variant="resnet"),
                layers=dict(layer2=1.0, layer3=1.0),
                semantic_weight=0.1,
            ),
            dict(type="clip_plugins.EdgeLoss", weight=0.3, source="contour"),
        ],
    ),
    start=dict(source="contours", edge_length=0.15),
)
