"""Training curves from mmengine's log."""
import json
from pathlib import Path

from matplotlib.figure import Figure

from clip_plugins.errors import DataError
from clip_plugins.visualization.charts import COLOURS

BOOKKEEPING = {"step", "iter", "epoch", "time", "data_time", "memory", "lr", "base_lr", "grad_norm"}


def read_scalars(path: str | Path) -> dict[str, tuple[list[float], list[float]]]:
    """Read mmengine's `scalars.json` (one JSON object a line).

    Returns:
        name -> (steps, values), for every logged number.
    Raises:
        DataError: the file is missing or a line in the middle isn't JSON (a torn last line is passed over).
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"training log not found: {path}; train first, or look into another work folder")
    lines = path.read_text(encoding="utf-8").splitlines()
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):  # a run that was killed while writing
                break
            raise DataError(f"{path}, line {number} isn't JSON ({error}); delete the line") from error
        for name, value in entry.items():
            if isinstance(value, (int, float)):
                steps, values = curves.setdefault(name, ([], []))
                steps.append(entry.get("step", number))
                values.append(value)
    return curves


def training_curves(path: str | Path, title: str = "") -> Figure:
    """Losses, and metrics where some were logged, over the steps of mmengine's `scalars.json`.

    Raises:
        DataError: the log is missing, damaged, or holds neither losses nor metrics.
    """
    curves = read_scalars(path)
    losses = {name: curve for name, curve in curves.items() if "loss" in name}
    metrics = {name: curve for name, curve in curves.items() if name not in {*losses, *BOOKKEEPING}}
    panels = [(kind, drawn) for kind, drawn in (("loss", losses), ("metric", metrics)) if drawn]
    if not panels:
        raise DataError(f"{path} has no losses or metrics; train for at least one logging interval")
    figure = Figure(figsize=(6 * len(panels), 4), layout="constrained")
    for position, (kind, drawn) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), position, xlabel="step", ylabel=kind)
        for index, (name, (steps, values)) in enumerate(drawn.items()):
            marker = "o" if len(steps) < 12 else None  # a line through one point can't be seen
            axes.plot(steps, values, label=name, color=COLOURS[index % len(COLOURS)], marker=marker,
                      linewidth=2 if name == "loss" else 1, markersize=3)
        axes.legend(fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    return figure
