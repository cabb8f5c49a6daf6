"""Options that make strokes outlines: longer starts along contours, contours as a second target."""
_base_ = "./clipasso_rn101_224.py"
model = dict(
    objective=dict(
        terms=[
            {{_base_.clip_loss}},
            dict(type="clip_plugins.EdgeLoss", weight=0.3, source="contour"),
        ],
    ),
    start=dict(source="contours", edge_length=0.15),
)
