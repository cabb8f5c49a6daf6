"""What a sketch leaves on the disk: SVG, picture, animation, loss curve, and a record that ends it."""
from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mmengine.logging import print_log
from PIL import Image
from torch import Tensor

from clip_plugins.errors import DataError
from clip_plugins.files import read_json, write_atomically, write_json
from clip_plugins.sketch.animation import animation, video
from clip_plugins.sketch.model import Sketch
from clip_plugins.sketch.strokes import Strokes
from clip_plugins.sketch.svg import write_svg
from clip_plugins.visualization import contact_sheet, save_picture
from clip_plugins.visualization.charts import COLOURS

RECORD = "result.json"
SKETCH_SVG, SKETCH_PNG, TARGET_PNG = "sketch.svg", "sketch.png", "target.png"

Painter = Callable[[Strokes], Tensor]  # one canvas -> 3×K×K in 0..1


def as_picture(image: Tensor) -> np.ndarray:
    """(3, H, W) in 0..1 -> H×W×3 uint8."""
    return (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def prepare_folder(folder: Path) -> None:
    """Make a folder and see that it can be written, before hours go into what belongs there.

    Raises:
        DataError: it can't.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(f"{folder} can't be written ({error.strerror}); choose another folder") from error


def work_key(settings: Mapping[str, Any], files: Sequence[Path]) -> str:
    """Digest of everything that a sketch depends on: settings, and the bytes of picture, mask and first SVG.

    Raises:
        DataError: a file can't be read.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for file in files:
        try:
            about = file.stat()
            digest.update(_digest(file, about.st_mtime_ns, about.st_size))
        except OSError as error:
            raise DataError(f"{file} can't be read ({error.strerror}); check the path") from error
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _digest(file: Path, modified: int, size: int) -> bytes:
    """Of a file's bytes; weights that many pictures depend on are read once."""
    return hashlib.sha256(file.read_bytes()).digest()


def is_finished(folder: Path, key: str) -> bool:
    """Whether this very sketch was finished in a folder, and is still there."""
    if not all((folder / name).is_file() for name in (RECORD, SKETCH_SVG, SKETCH_PNG, TARGET_PNG)):
        return False
    return read_json(folder / RECORD).get("key") == key


def begin(folder: Path) -> None:
    """Make a folder and forget what was finished there: from now on its sketch is another one.

    Raises:
        DataError: see `prepare_folder`.
    """
    prepare_folder(folder)
    (folder / RECORD).unlink(missing_ok=True)


def write_best(sketch: Sketch, folder: Path) -> None:
    """The best strokes so far, whole at any moment."""
    write_svg(folder / SKETCH_SVG, sketch.strokes, (sketch.side, sketch.side))


def write_results(sketch: Sketch, target: Tensor, folder: Path, key: str, paint: Painter) -> None:
    """Everything of one sketch; the record comes last and says that it is finished.

    Args:
        sketch: to write; an interrupted one gets no record.
        target: (3, K, K) that it was drawn for.
        folder: exists.
        key: of `work_key`.
        paint: renders one canvas.
    """
    write_best(sketch, folder)
    save_picture(as_picture(paint(sketch.strokes)), folder / SKETCH_PNG)
    save_picture(as_picture(target), folder / TARGET_PNG)
    save_picture(loss_curves(sketch), folder / "loss.png")
    if sketch.steps:
        write_animations([as_picture(paint(strokes)) for strokes in (*sketch.steps, sketch.strokes)], folder)
    for old in folder.glob("seed_*.svg"):
        old.unlink()
    for number, strokes in enumerate(sketch.seed_strokes):
        if strokes is not None and len(sketch.seed_strokes) > 1:
            write_svg(folder / f"seed_{number}.svg", strokes, (sketch.side, sketch.side))
    if not sketch.was_interrupted:
        write_json(folder / RECORD, {
            "key": key, "strokes": int(sketch.strokes.points.shape[1]), "loss": sketch.loss,
            "iteration": sketch.iteration, "seed": sketch.seed, "seed_losses": list(sketch.seed_losses)})


def write_animations(frames: Sequence[np.ndarray], folder: Path) -> None:
    """`optimisation.gif` and, where OpenCV can, `optimisation.mp4` of H×W×3 uint8 frames."""
    write_atomically(folder / "optimisation.gif", animation(frames), sync=False)
    encoded = video(frames)
    if encoded is None:
        print_log("this build of OpenCV writes no MP4: optimisation.gif alone", logger="current")
    else:
        write_atomically(folder / "optimisation.mp4", encoded, sync=False)


def loss_curves(sketch: Sketch) -> Figure:
    """Evaluation losses of all seeds over the iterations, the kept sketch marked."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="iteration", ylabel="loss of the plain view")
    for index, curve in enumerate(sketch.curves):
        iterations, losses = zip(*curve) if curve else ((), ())
        axes.plot(iterations, losses, color=COLOURS[index % len(COLOURS)], label=f"start {index + 1}")
    axes.plot([sketch.iteration], [sketch.loss], "o", color="black", label="kept")
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def abstraction_sheet(target: np.ndarray, sketches: Mapping[int, np.ndarray]) -> Image.Image:
    """The target and its sketches by number of strokes, side by side."""
    counts = sorted(sketches)
    captions = ["target", *(f"{count} strokes" for count in counts)]
    return contact_sheet([target, *(sketches[count] for count in counts)], captions,
                         columns=len(captions))
