"""Small LSegs with random weights for tests."""
from __future__ import annotations

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from clip_plugins.registry import MODELS
from clip_plugins.segmentation.lseg import LSeg
from clip_plugins.vocabulary import TextEmbeddings

DIM = 12
PREPROCESSOR = {"type": "mmseg.SegDataPreProcessor", "mean": [122.7, 116.7, 104.1], "std": [68.5, 66.6, 70.3],
                "bgr_to_rgb": True, "size_divisor": 32}


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lseg(names: int | None = 5, **options) -> LSeg:
    """An LSeg on a small ViT, in eval mode, with random names."""
    torch.manual_seed(0)
    config = {
        "type": "clip_plugins.LSeg", "embed_dim": DIM,
        "backbone": {"type": "clip_plugins.DPTViT", "taps": (0, 1, 2, 3), "architecture": {
            "img_size": 64, "patch_size": 16, "embed_dim": 16, "depth": 4, "num_heads": 2}},
        "decoder": {"in_channels": (6, 8, 10, 10), "channels": 8, "tokens": {"width": 16}}, **options}
    model = MODELS.build(config).eval()
    for norm in (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    if names:
        name(model, draw(names, model.embed_dim, seed=1))
    return model


def name(model: LSeg, rows: Tensor, **others) -> None:
    """Give names of these embeddings."""
    names = tuple(f"name {number}" for number in range(len(rows)))
    model.set_vocabulary(TextEmbeddings(names, torch.nn.functional.normalize(rows, dim=1), **others))


def truth(*masks: Tensor, **metainfo) -> list[SegDataSample]:
    """A data sample a mask (H, W)."""
    made = [SegDataSample(metainfo=metainfo) for _ in masks]
    for sample, mask in zip(made, masks):
        sample.gt_sem_seg = PixelData(data=mask[None])
    return made
