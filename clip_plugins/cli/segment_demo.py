"""`tools/demo_segment.py`: both segmentors on ov_shapes, one table, pictures."""
from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clip_plugins.cli.groupvit_walk import GroupViTWalk, groupvit_rows
from clip_plugins.cli.segment_walk import SegmentWalk, lseg_config, lseg_rows
from clip_plugins.visualization import bar_chart, save_picture, training_curves

SHOWN = ("miou_base", "miou_novel_combination", "miou_novel_noun", "miou_all")


def demo_walks(folder: Path, seed: int) -> tuple[SegmentWalk, SegmentWalk]:
    """LSeg's rows with baselines, then GroupViT's; no row twice.

    Args:
        folder: where everything goes.
        seed: of every training.
    """
    dense = lseg_config("clip-dense_tiny-clip")
    groups = tuple(replace(row, method=f"GroupViT, {row.method}") if row.method.startswith("chance") else row
                   for row in groupvit_rows() if row.config != dense)
    return SegmentWalk(folder / "lseg", lseg_rows(), seed), GroupViTWalk(folder / "groupvit", groups, seed)


def draw_segment_walks(walks: Sequence[SegmentWalk], rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Write `pictures/`: `table.png`, `curves_<row>.png` and `masks_<row>.png`.

    Args:
        walks: whose steps are done.
        rows: their tables, one after the other.
        folder: of the demo.

    Returns:
        the folder of the pictures.
    """
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    chart = bar_chart({row["method"]: {name: row[name] for name in SHOWN} for row in rows}, ylabel="mIoU")
    save_picture(chart, pictures / "table.png")
    for walk in walks:
        for row in walk.rows:
            own = walk.folder_of(row)
            if (own / "pictures" / "sheet.png").is_file():
                shutil.copyfile(own / "pictures" / "sheet.png", pictures / f"masks_{own.name}.png")
            scalars = sorted(own.glob("*/vis_data/scalars.json"))
            if row.is_trained and row.weights is None and scalars:
                save_picture(training_curves(scalars[0], row.method), pictures / f"curves_{own.name}.png")
    return pictures
