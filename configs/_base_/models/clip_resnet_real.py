# A small CLIP for photographs of 64 px: 1.7 M weights see, .1 M and embeddings of CLIP's 49,408 tokens read.
# Its weights are trained on the user's machine and stay there: the photographs' licences don't let them go.
untrained_encoder = dict(
    type="clip_plugins.OpenCLIP",
    model=dict(
        embed_dim=128,
        quick_gelu=False,
        vision_cfg=dict(image_size=64, layers=(2, 2, 2, 2), width=16),
        # names are one or two tokens: a narrow tower is enough
        text_cfg=dict(context_length=32, vocab_size=49408, width=64, heads=2, layers=2),
    ),
)
weights = "{{$CLIP_PLUGINS_DEMO_REAL:work_dirs/demo_real}}/clip/encoder.safetensors"
encoder = dict(pretrained=weights, **untrained_encoder)
