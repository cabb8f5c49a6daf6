"""RPN proposals and their crop embeddings on the store: crops, writer, transforms."""
from clip_plugins.proposals.crops import CROP_RULES, crop_windows, enlarge_boxes, resample_crops
from clip_plugins.proposals.embed import SCALES, embed_regions, encode_pixels, sum_scales
from clip_plugins.proposals.transforms import LoadCachedProposals

__all__ = [
    "CROP_RULES",
    "SCALES",
    "LoadCachedProposals",
    "crop_windows",
    "embed_regions",
    "encode_pixels",
    "enlarge_boxes",
    "resample_crops",
    "sum_scales",
]
