"""What stays of the heads of a stock mmdet config when its RoI head becomes open-vocabulary."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clip_plugins.errors import ConfigError

OURS = "ViLDBBoxHead"
# (shared convolutions, shared fully connected layers); None where the config says them itself
STOCK_TRUNKS = {"Shared2FCBBoxHead": (0, 2), "Shared4Conv1FCBBoxHead": (4, 1), "ConvFCBBoxHead": None}
STOCK_MASK_HEADS = ("FCNMaskHead", "CoarseMaskHead")
# what a stock head says about its classes: names come from the vocabulary, boxes are class-agnostic
CLOSED_VOCABULARY = (
    "num_classes", "reg_class_agnostic", "with_cls", "with_reg", "loss_cls", "cls_predictor_cfg",
)


def _base_name(kind: Any) -> str:
    return (kind if isinstance(kind, str) else getattr(kind, "__name__", "")).rpartition(".")[2]


def open_bbox_head(config: Mapping[str, Any] | None, embed_dim: int) -> dict[str, Any]:
    """The config of a `ViLDBBoxHead` with the trunk, box coder and box loss of a stock head.

    Args:
        config: of `ViLDBBoxHead`, or of one of mmdet's heads with a shared trunk; keys about classes are
            dropped.
        embed_dim: D of the joint space.
    Raises:
        ConfigError: none, or a head without a shared trunk.
    """
    config = dict(config or {})
    kind = _base_name(config.get("type"))
    if kind != OURS and kind not in STOCK_TRUNKS:
        raise ConfigError(f"bbox_head.type is {kind or 'missing'}, which has no open-vocabulary counterpart; "
                          f"use clip_plugins.{OURS} or one of {', '.join(STOCK_TRUNKS)}.")
    for key in CLOSED_VOCABULARY:
        config.pop(key, None)
    trunk = STOCK_TRUNKS.get(kind)
    if trunk is not None:
        config["num_shared_convs"], config["num_shared_fcs"] = trunk
        config.setdefault("fc_out_channels", 1024)
    if kind != OURS:
        config["type"] = f"clip_plugins.{OURS}"
    return {**config, "embed_dim": embed_dim}


def open_mask_head(config: Any) -> Any:
    """The same mask head, one mask a region whatever its name; other heads than mmdet's plain ones as given.

    Args:
        config: a config, a list of them (cascades) or None.
    """
    if isinstance(config, (list, tuple)):
        return [open_mask_head(one) for one in config]
    if config is None or _base_name(config.get("type")) not in STOCK_MASK_HEADS:
        return config
    return {**config, "class_agnostic": True}
