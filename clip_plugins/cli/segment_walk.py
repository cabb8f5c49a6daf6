"""Segmentors on ov_shapes as commands: every row of a table trained, its background calibrated, tested."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clip_plugins.cli.ov_shapes import DATA
from clip_plugins.cli.steps import Step
from clip_plugins.cli.walk import NEVER, checkpoint_of, slug
from clip_plugins.files import read_json

LSEG = Path("configs/lseg")
SUFFIX = "demo_ov_shapes.py"
COLUMNS = ("miou_base", "miou_novel_combination", "miou_novel_noun", "miou_all", "noun_miou_all",
           "iou_background", "pix_acc")
CLAIM_SCENES = 300
LENGTHS = ("train_cfg.max_iters", "param_scheduler.1.end", "default_hooks.checkpoint.interval")


@dataclass(frozen=True)
class SegmentRow:
    """One row of the table.

    Args:
        method: title of the row.
        config: config file.
        weights: title of the row whose trained weights are tested; None: its own.
        is_trained: False where nothing is learned.
        is_calibrated: the background's offset is chosen on training scenes before the test.
        options: `key=value` overrides at test time.
    """

    method: str
    config: Path
    weights: str | None = None
    is_trained: bool = True
    is_calibrated: bool = False
    options: tuple[str, ...] = ()


def lseg_config(method: str) -> Path:
    """Config file of a variant on ov_shapes."""
    return LSEG / f"{method}_{SUFFIX}"


def chance_of(row: SegmentRow) -> SegmentRow:
    """The same weights, compared with random directions instead of names."""
    return SegmentRow("chance (random embeddings)", row.config, weights=row.method,
                      options=("custom_hooks.0.chance_seed=0",))


def lseg_rows() -> tuple[SegmentRow, ...]:
    """Baselines, LSeg, its options, chance and oracle."""
    lseg = SegmentRow("LSeg", lseg_config("lseg_tiny-clip"))
    regions = SegmentRow("LSeg + regions", lseg_config("lseg-regions_tiny-clip"))
    return (
        SegmentRow("closed vocabulary (mmseg)", lseg_config("closed_tiny-clip")),
        SegmentRow("TinyCLIP, dense", lseg_config("clip-dense_tiny-clip"), is_trained=False),
        lseg,
        SegmentRow("LSeg, calibrated background", lseg.config, weights=lseg.method, is_calibrated=True),
        regions,
        SegmentRow("LSeg + regions, calibrated background", regions.config, weights=regions.method,
                   is_calibrated=True),
        chance_of(lseg),
        SegmentRow("oracle (masks of all names)", lseg_config("oracle_tiny-clip")),
    )


def claim_rows() -> tuple[SegmentRow, ...]:
    """What the paper claims: text tower, image tower, supervision; all trained equally long."""
    lseg = SegmentRow("LSeg", lseg_config("lseg_tiny-clip"))
    rows = (
        lseg,
        SegmentRow("text tower fine-tuned", lseg_config("lseg-tuned-text_tiny-clip")),
        SegmentRow("image tower TinyCLIP's ViT", lseg_config("lseg_tiny-vit")),
        SegmentRow("image tower from scratch", lseg_config("lseg_scratch")),
        chance_of(lseg),
        SegmentRow("fully supervised (masks of all names)", lseg_config("oracle_tiny-clip")),
    )
    return tuple(replace(row, options=(*row.options, f"test_dataloader.dataset.indices={CLAIM_SCENES}"))
                 for row in rows)


@dataclass(frozen=True)
class SegmentWalk:
    """What is walked.

    Args:
        folder: where checkpoints and results go.
        rows: of the table; a row whose weights another one needs comes before it.
        seed: of every training.
        prepared: files that decide whether everything must run again.
        iterations: of every training; None: each config's own.
        columns: metrics of the table, without `seg/`.
        name: put before a step's name where a chain runs several walks.
    """

    folder: Path
    rows: tuple[SegmentRow, ...]
    seed: int = 0
    prepared: tuple[Path, ...] = (DATA / "annotations" / "names.json",)
    iterations: int | None = None
    columns: tuple[str, ...] = COLUMNS
    name: str = ""

    def steps(self) -> list[Step]:
        """The commands in order."""
        found = []
        for row in self.rows:
            if row.is_trained and row.weights is None:
                found.append(self._train(row))
            if row.is_calibrated:
                found.append(self._calibrate(row))
            found.append(self._test(row))
        return found

    def folder_of(self, row: SegmentRow) -> Path:
        """Work folder of a row."""
        return self.folder / slug(row.method)

    def checkpoint(self, row: SegmentRow) -> Path:
        """Weights that a trained row is tested with."""
        owner = next(other for other in self.rows if other.method == (row.weights or row.method))
        folder = self.folder_of(owner)
        if self.iterations is not None:
            return folder / f"iter_{self.iterations}.pth"
        return checkpoint_of(owner.config, folder)

    def results(self, row: SegmentRow) -> Path:
        """File with the metrics of a row."""
        return self.folder_of(row) / "results.json"

    def offset(self, row: SegmentRow) -> Path:
        """File with the calibrated offset of a row."""
        return self.folder_of(row) / "background.json"

    def table(self) -> list[dict[str, Any]]:
        """One dictionary a row: method, figures in 0-100, images_per_second."""
        found = []
        for row in self.rows:
            result = read_json(self.results(row))
            metrics = result["metrics"]
            figures = {column: round(metrics[f"seg/{column}"], 2) for column in self.columns}
            found.append({"method": row.method, **figures,
                          "images_per_second": round(result["images_per_second"], 1)})
        return found

    def _title(self, what: str, row: SegmentRow) -> str:
        return " ".join(word for word in (self.name, what, row.method) if word)

    def _train(self, row: SegmentRow) -> Step:
        command = ("tools/train.py", str(row.config), "--work-dir", str(self.folder_of(row)), "--seed",
                   str(self.seed), "--resume", "--cfg-options", f"train_cfg.val_begin={NEVER}",
                   *(f"{key}={self.iterations}" for key in LENGTHS if self.iterations is not None))
        return Step(self._title("train", row), command, outputs=(self.checkpoint(row),),
                    inputs=(row.config, *self.prepared), is_alone=False)

    def _calibrate(self, row: SegmentRow) -> Step:
        command = ("tools/calibrate_offset.py", str(row.config), str(self.checkpoint(row)), "--out",
                   str(self.offset(row)))
        return Step(self._title("calibrate", row), command, outputs=(self.offset(row),),
                    inputs=(row.config, self.checkpoint(row)), is_alone=False)

    def _test(self, row: SegmentRow) -> Step:
        weights = (str(self.checkpoint(row)),) if row.is_trained else ()
        options = list(row.options)
        inputs = [row.config, *(Path(path) for path in weights)]
        if row.is_calibrated:
            options.append(f"model.background.offset={self.offset(row)}")
            inputs.append(self.offset(row))
        command: Sequence[str] = (
            "tools/test.py", str(row.config), *weights, "--work-dir", str(self.folder_of(row)), "--out",
            str(self.results(row)), "--show-dir", str(self.folder_of(row) / "pictures"),
            *(("--cfg-options", *options) if options else ()))
        return Step(self._title("test", row), tuple(command), outputs=(self.results(row),),
                    inputs=tuple(inputs), is_alone=False)
