"""LSeg: language-driven semantic segmentation (arXiv 2201.03546)."""
from clip_plugins.segmentation.lseg.backbones import CLIPTaps, DPTResNet, DPTViT
from clip_plugins.segmentation.lseg.model import LSeg
from clip_plugins.segmentation.lseg.zero_shot import LSegZeroShot

__all__ = ["CLIPTaps", "DPTResNet", "DPTViT", "LSeg", "LSegZeroShot"]
