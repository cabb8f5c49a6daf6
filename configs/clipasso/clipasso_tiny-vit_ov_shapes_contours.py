"""TinyCLIP's ViT draws; strokes begin along contours, which are a second target (not in CLIPasso)."""
_base_ = "./clipasso_tiny-vit_ov_shapes.py"
model = dict(
    objective=dict(
        terms=[
            dict(
                type="clip_plugins.CLIPassoLoss",
                encoder=dict(type="clip_plugins.TinyCLIP", variant="vit"),
                layers=dict(block1=0.005, block2=0.005),  # its tokens are long: squares of 300
                semantic_weight=0.1,
            ),
            dict(type="clip_plugins.EdgeLoss", weight=0.3, source="contour"),
        ],
    ),
    start=dict(source="contours", edge_length=0.15),
)
