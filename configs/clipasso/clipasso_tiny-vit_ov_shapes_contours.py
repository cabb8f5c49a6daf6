"""TinyCLIP's ViT draws; strokes begin along contours, which are a second target (not in CLIPasso)."""
_base_ = "./clipasso_tiny-vit_ov_shapes.py"
model = dict(
    objective=dict(
        terms=[
            {{_base_.clip_loss}},
            dict(type="clip_plugins.EdgeLoss", weight=0.3, source="contour"),
        ],
    ),
    start=dict(source="contours", edge_length=0.15),
)
