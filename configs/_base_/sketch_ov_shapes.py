"""CLIPasso in miniature: the shipped TinyCLIPs look at 96 pixels, generated objects are drawn."""
_base_ = "./sketch_runtime.py"
nouns = [
    "circle", "square", "triangle", "star", "ring", "cross", "diamond", "drop",
    "bolt", "house", "tree", "flower", "cloud", "crown", "hourglass", "mushroom",
    "heart", "arrow", "crescent", "hexagon", "gear", "fish", "key", "umbrella",
]
pictures = dict(path="work_dirs/demo_sketch/objects")  # tools/demo_sketch.py draws them: a folder a noun
model = dict(
    type="clip_plugins.Sketcher",
    canvas=96,
    half_width=1.2,
    rasteriser=dict(type="clip_plugins.TorchRasteriser", mode="fast"),
    start=dict(
        type="clip_plugins.StrokeStart",
        source="saliency",
        encoder=dict(type="clip_plugins.TinyCLIP", variant="vit"),
    ),
    views=dict(type="clip_plugins.JointViews", views=4),
    rule=dict(first_best=float("inf")),
    schedule=dict(iterations=100, evaluate_every=5, points_rate=1.0),
)
