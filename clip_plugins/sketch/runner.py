"""`tools/train.py` for sketches: a config, a folder of pictures, a folder of sketches."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch import Tensor
from tqdm import tqdm

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.files import write_json
from clip_plugins.images import read_image
from clip_plugins.registry import MODELS, RUNNERS
from clip_plugins.sketch.model import Run, Sketch
from clip_plugins.sketch.optimisation import prune
from clip_plugins.sketch.results import (
    SKETCH_PNG,
    TARGET_PNG,
    abstraction_sheet,
    begin,
    is_finished,
    prepare_folder,
    work_key,
    write_best,
    write_results,
)
from clip_plugins.sketch.start import check_stroke_count
from clip_plugins.sketch.strokes import Strokes
from clip_plugins.sketch.svg import read_svg
from clip_plugins.sketch.target import prepare_target
from clip_plugins.visualization import safe_name, save_picture

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
SEED_STEP = 1000  # the official seeds are 0, 1000, 2000
FRAMES = 50
SECONDS_BETWEEN_SAVES = 2.0


@dataclass(frozen=True)
class Pictures:
    """What is sketched.

    Args:
        path: a picture, or a folder; folders in it are looked through.
        mask: config of `FileMask`, `AlphaMask` or `ModelMask`; None: the whole picture.
        centres: see `prepare_target`.
        divides_by_maximum: see `prepare_target`.
    """

    path: str
    mask: Mapping[str, Any] | None = None
    centres: bool = False
    divides_by_maximum: bool = True

    def find(self, leaves_out: Path) -> list[Path]:
        """Files in order of their names.

        Args:
            leaves_out: a folder within whose pictures don't count, such as that of the sketches.

        Raises:
            ConfigError: it is the folder of the pictures itself.
            DataError: nothing is there.
        """
        path = Path(self.path)
        if path.is_file():
            return [path]
        if not path.is_dir():
            raise DataError(f"neither a picture nor a folder: {path}; check the path")
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        out, root = leaves_out.resolve(), path.resolve()
        if out == root:
            raise ConfigError(f"sketches in {path} would be taken for pictures; choose another folder")
        if root in out.parents:
            found = [file for file in found if out not in file.resolve().parents]
        if not found:
            raise DataError(f"no pictures ({', '.join(SUFFIXES)}) in {path}; choose another folder")
        return found

    def name(self, picture: Path) -> str:
        """Of a picture, below the folder."""
        root = Path(self.path)
        return str(picture.relative_to(root)) if root.is_dir() else picture.name


@RUNNERS.register_module()
class SketchRunner:
    """Sketches pictures one by one, all seeds of one at once, at every number of strokes.

    `<work_dir>/<picture>/<number>_strokes/` gets `sketch.svg` (the best so far at any moment), `sketch.png`,
    `loss.png`, `optimisation.gif` and `.mp4`, `target.png`, an SVG of each seed and, at the end,
    `result.json`; `<work_dir>/<picture>/sheet.png` shows the numbers side by side. What is finished isn't
    drawn again.

    Args:
        model: config of a `Sketcher`.
        pictures: arguments of `Pictures`.
        work_dir: where everything goes.
        strokes: one number or several.
        seeds: starts a picture.
        seed: the first start's; the others are 1,000 apart.
        options: `first` (path of an SVG to begin with: it says the number of strokes, and one seed is drawn,
            since all would begin alike), `prunes` (leave out strokes that can hardly be seen; where widths or
            opacities are free), `device`, `judge` (config of a `SketchJudge`: what it takes the sketches for
            goes to `recognition.json`).

    Raises:
        ConfigError: an impossible number of strokes or seeds, or an unknown option.
    """

    OPTIONS = ("first", "prunes", "device", "judge")

    def __init__(self, model: Mapping[str, Any], pictures: Mapping[str, Any], work_dir: str | Path,
                 strokes: int | Sequence[int] = 16, seeds: int = 3, seed: int = 0,
                 options: Mapping[str, Any] | None = None) -> None:
        self.model_cfg = model
        self.pictures = Pictures(**pictures)
        self.work_dir = Path(work_dir)
        counts = [strokes] if isinstance(strokes, int) else list(strokes)
        self.counts = [check_stroke_count(count) for count in counts]
        if seeds < 1 or not self.counts:
            raise ConfigError(f"seeds={seeds}, strokes={counts} draw nothing; use one or more of each.")
        self.seeds = tuple(seed + SEED_STEP * index for index in range(seeds))
        self.options = dict(options or {})
        unknown = sorted(set(self.options) - set(self.OPTIONS))
        if unknown:
            raise ConfigError(f"a SketchRunner has no option {', '.join(unknown)}; it knows "
                              f"{', '.join(self.OPTIONS)}.")
        self.first: Strokes | None = None
        self.device = self.options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")

    @classmethod
    def from_cfg(cls, cfg: Config) -> SketchRunner:
        """The runner of a config, as `tools/train.py` asks for it."""
        missing = [key for key in ("model", "pictures", "work_dir") if cfg.get(key) is None]
        if missing:
            raise ConfigError(f"the config lacks {', '.join(missing)}; add it.")
        seed = (cfg.get("randomness") or {}).get("seed") or 0
        return cls(cfg.model, cfg.pictures, cfg.work_dir, cfg.get("strokes", 16), cfg.get("seeds", 3), seed,
                   cfg.get("options"))

    def train(self) -> None:
        """Sketch every picture that isn't finished.

        Raises:
            DataError: the work folder can't be written; or some pictures couldn't be used: all others are
                finished by then.
            KeyboardInterrupt: Ctrl-C, after the best sketch so far is written.
        """
        prepare_folder(self.work_dir)
        paths = self.pictures.find(self.work_dir)
        self.mask = None if self.pictures.mask is None else MODELS.build(dict(self.pictures.mask))
        self.sketcher = MODELS.build(dict(self.model_cfg))
        if self.options.get("first"):
            self._begin_with(self.options["first"])
        failed = []
        for place, path in enumerate(paths, 1):
            try:
                self._sketch(path, f"[{place}/{len(paths)}] {self.pictures.name(path)}")
            except DataError as error:
                if len(paths) == 1:
                    raise
                print_log(f"left out: {error}", logger="current")
                failed.append(str(error))
        if self.options.get("judge") and len(failed) < len(paths):
            self._judge(paths)
        if failed:
            raise DataError(
                f"{len(failed)} of {len(paths)} pictures couldn't be used; the first: {failed[0]}")

    def folder(self, picture: Path, count: int | None = None) -> Path:
        """Where a picture's sketches go, or those with so many strokes."""
        folder = self.work_dir / safe_name(self.pictures.name(picture))
        return folder if count is None else folder / f"{count}_strokes"

    def _sketch(self, path: Path, title: str) -> None:
        target: Tensor | None = None
        files = [path, *([] if self.mask is None else self.mask.sources(path))]
        if self.options.get("first"):
            files.append(Path(self.options["first"]))
        for count in self.counts:
            folder, key = self.folder(path, count), work_key(self._settings(count), files)
            if is_finished(folder, key):
                print_log(f"{title}, {count} strokes: done before", logger="current")
                continue
            target = self._target(path) if target is None else target
            begin(folder)
            sketch = self._draw(target, count, folder, title)
            write_results(sketch, target, folder, key, self._paint)
            if sketch.was_interrupted:
                raise KeyboardInterrupt
            print_log(f"{title}, {count} strokes: loss {sketch.loss:.4f} at iteration {sketch.iteration}, "
                      f"{folder}", logger="current")
        if len(self.counts) > 1:
            drawn = {count: read_image(self.folder(path, count) / SKETCH_PNG) for count in self.counts}
            seen = read_image(self.folder(path, self.counts[0]) / TARGET_PNG)
            save_picture(abstraction_sheet(seen, drawn), self.folder(path) / "sheet.png")

    def _settings(self, count: int) -> dict[str, Any]:
        plain = {"model": _plain(self.model_cfg), "pictures": {**vars(self.pictures), "path": ""},
                 "options": {key: value for key, value in self.options.items() if key in ("first", "prunes")}}
        return {**_plain(plain), "strokes": count, "seeds": self.seeds}

    def _target(self, path: Path) -> Tensor:
        mask = None if self.mask is None else self.mask(path)
        target = prepare_target(read_image(path), self.sketcher.canvas, mask, self.pictures.centres,
                                self.pictures.divides_by_maximum)
        return target.to(self.device)

    def _draw(self, target: Tensor, count: int, folder: Path, title: str) -> Sketch:
        saved_at, saved_loss = 0.0, float("inf")
        schedule = self.sketcher.schedule
        about = f"{title}, {count} strokes"
        with tqdm(total=schedule.iterations, desc=about, unit="step", leave=False) as bar:
            def watch(run: Run) -> None:
                """Show the loss; keep the best sketch so far on the disk."""
                nonlocal saved_at, saved_loss
                bar.update(run.iteration + 1 - bar.n)
                best = min(rule.best_loss for rule in run.progress.rules)
                bar.set_postfix_str(f"loss {best:.4f}", refresh=False)
                is_new = best < saved_loss and any(rule.kept_at for rule in run.progress.rules)
                if is_new and time.monotonic() - saved_at > SECONDS_BETWEEN_SAVES:
                    write_best(run.sketch(0), folder)
                    saved_at, saved_loss = time.monotonic(), best

            sketch = self.sketcher.draw(target[None], count, self.seeds, self.first, watch, FRAMES)[0]
        if not self.options.get("prunes"):
            return sketch
        return Sketch(**{**vars(sketch), "strokes": prune(sketch.strokes)})

    def _begin_with(self, path: str | Path) -> None:
        """Begin with the strokes of an SVG."""
        strokes, size = read_svg(path)
        count = check_stroke_count(strokes.points.shape[1])
        if self.counts != [count] or len(self.seeds) > 1:
            print_log(f"{path} has {count} strokes and all seeds would begin with them: drawing {count} "
                      "strokes from one seed", logger="current")
        self.counts, self.seeds = [count], self.seeds[:1]
        scale = self.sketcher.canvas / max(size)
        points, half_widths = strokes.points * scale, strokes.half_widths * scale
        self.first = Strokes(points=points, half_widths=half_widths, colours=strokes.colours,
                             opacities=strokes.opacities)

    @torch.no_grad()
    def _paint(self, strokes: Strokes) -> Tensor:
        side = self.sketcher.canvas
        return self.sketcher.rasteriser(strokes, (side, side))[0]

    def _judge(self, paths: Sequence[Path]) -> None:
        """Write what the judge takes each sketch for, and its accuracy where folders name the classes."""
        judge = MODELS.build(dict(self.options["judge"]))
        rows = []
        for count in self.counts:
            done = [path for path in paths if (self.folder(path, count) / SKETCH_PNG).is_file()]
            pictures = [read_image(self.folder(path, count) / SKETCH_PNG) for path in done]
            images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
            probabilities = judge.probabilities(images.to(self.device))
            truth = [path.parent.name.replace("_", " ") for path in done]
            is_known = all(name in judge.names for name in truth)
            accuracy = judge.share_named(probabilities, truth) if is_known else None
            rows.append({
                "strokes": count, "accuracy": accuracy,
                "sketches": [{"picture": self.pictures.name(path), "name": judge.names[row.argmax()],
                              "probability": round(row.max().item(), 4)}
                             for path, row in zip(done, probabilities)]})
            told = "" if accuracy is None else f", {accuracy:.1f} % recognised"
            print_log(f"{count} strokes: {len(done)} sketches{told}", logger="current")
        write_json(self.work_dir / "recognition.json", {"rows": rows})


def _plain(value: Any) -> Any:
    """Configs and tuples as plain dicts and lists, for a digest."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
