"""ViLD: open-vocabulary detection by distilling CLIP (arXiv 2104.13921)."""
from clip_plugins.detection.vild.boxes import Float32RoIExtractor, LegacyBoxCoder, ViLDRoIExtractor
from clip_plugins.detection.vild.cascade import ViLDCascadeRoIHead
from clip_plugins.detection.vild.clip_proposals import CLIPRoIHead
from clip_plugins.detection.vild.heads import ViLDBBoxHead, ViLDImageHead, ViLDMaskHead
from clip_plugins.detection.vild.model import ViLDRoIHead
from clip_plugins.detection.vild.norm import BiasedBatchNorm

__all__ = [
    "BiasedBatchNorm",
    "CLIPRoIHead",
    "Float32RoIExtractor",
    "LegacyBoxCoder",
    "ViLDBBoxHead",
    "ViLDCascadeRoIHead",
    "ViLDImageHead",
    "ViLDMaskHead",
    "ViLDRoIExtractor",
    "ViLDRoIHead",
]
