"""Small random open_clip models for the tests of this room."""
from __future__ import annotations

from typing import Any

TEXT = {"context_length": 12, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}


def vit(**vision: Any) -> dict[str, Any]:
    """A ViT of 4×4 patches."""
    tower = {"image_size": 32, "patch_size": 8, "width": 64, "layers": 3, "head_width": 64, **vision}
    return {"embed_dim": 16, "vision_cfg": tower, "text_cfg": dict(TEXT)}


def resnet(**vision: Any) -> dict[str, Any]:
    """A ModifiedResNet whose attention pool sees 2×2 cells."""
    tower = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 4, "head_width": 64, **vision}
    return {"embed_dim": 16, "vision_cfg": tower, "text_cfg": dict(TEXT)}
