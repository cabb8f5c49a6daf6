# Images of mixed sizes as CLIP's towers take them: padded to whole cells of stride 32.
model = dict(
    data_preprocessor=dict(
        type="clip_plugins.MixedSizePreprocessor",
        mean=[122.7709383, 116.7460125, 104.09373615],  # CLIP's, times 255
        std=[68.5005327, 66.6321579, 70.32316305],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size_divisor=32,
    )
)
