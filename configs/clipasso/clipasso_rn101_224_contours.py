"""Options that make strokes outlines: longer starts along contours, contours as a second target."""
_base_ = "./clipasso_rn101_224.py"
model = dict(
    objective=dict(
        terms=[
            dict(
                type="clip_plugins.CLIPassoLoss",
                encoder=dict(type="clip_plugins.OpenCLIP", model="RN101-quickgelu", pretrained="openai"),
                layers=dict(layer2=1.0, layer3=1.0),
                semantic_weight=0.1,
            ),
            dict(type="clip_plugins.EdgeLoss", weight=0.3, source="contour"),
        ],
    ),
    start=dict(source="contours", edge_length=0.15),
)
