"""Pictures of a finished walk: the table as bars, training curves, detections beside the truth."""
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clip_plugins.cli.walk import Walk
from clip_plugins.visualization import bar_chart, save_picture, training_curves


def draw_walk(walk: Walk, rows: Sequence[dict[str, Any]]) -> Path:
    """Write `pictures/`: `table.png`, `curves_<row>.png` and `detections_<row>.png`.

    Args:
        walk: a walk whose steps are done.
        rows: its table.
    Returns:
        the folder.
    """
    folder = walk.folder / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    groups = [f"ap50_{group}" for group in walk.groups]
    chart = bar_chart({row["method"]: {group: row[group] for group in groups} for row in rows}, ylabel="AP50")
    save_picture(chart, folder / "table.png")
    for row in walk.rows:
        sheet = walk.pictures(row) / "sheet.png"
        if sheet.is_file():
            shutil.copyfile(sheet, folder / f"detections_{walk.folder_of(row).name}.png")
        scalars = sorted(walk.folder_of(row).glob("*/vis_data/scalars.json"))
        if row.is_trained and row.weights is None and scalars:
            name = f"curves_{walk.folder_of(row).name}.png"
            save_picture(training_curves(scalars[0], row.method), folder / name)
    return folder
