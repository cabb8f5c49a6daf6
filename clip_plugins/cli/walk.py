"""The main job as commands: base detector -> proposal cache -> every row of the table trained and tested."""
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from clip_plugins.cli.steps import Step
from clip_plugins.files import write_atomically, write_json

NEVER = 10 ** 9  # iterations; a test follows each training, so none validates
VERSIONS = ("torch", "torchvision", "mmengine", "mmcv-lite", "mmdet", "open_clip_torch")


@dataclass(frozen=True)
class Row:
    """One row of the results table.

    Args:
        method: Title of the row.
        config: Config file.
        weights: Title of the row whose trained weights are tested; None: its own.
        is_trained: False where nothing is learned on top of the base detector.
        options: `key=value` overrides at test time.
        training: `key=value` overrides in training.
        cache: Name of the proposal cache that it learns from.
    """

    method: str
    config: Path
    weights: str | None = None
    is_trained: bool = True
    options: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    cache: str = "proposals"


@dataclass(frozen=True)
class Walk:
    """What is walked: a base detector, its proposal caches and the rows that start from both.

    Args:
        folder: Where checkpoints, caches and results go.
        base_config: Class-agnostic detector, trained on the boxes of base names.
        rows: Rows of the table, in order; a row whose weights another one needs comes before it.
        groups: Suffixes of the metric (`ov/ap50_<group>`) that are the columns.
        prepared: Files that decide whether everything must run again (annotations, manifest of the data).
        seed: Seed of every training.
        caches: Name of a proposal cache -> further arguments of tools/precompute_proposals.py.
        name: Stands before the names of its steps where several walks share a chain; the base detectors then
            train side by side.
    """

    folder: Path
    base_config: Path
    rows: tuple[Row, ...]
    groups: tuple[str, ...]
    prepared: tuple[Path, ...] = ()
    seed: int = 0
    caches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = ""

    @property
    def base_checkpoint(self) -> Path:
        """Weights of the base detector."""
        return checkpoint_of(self.base_config, self.folder / "base")

    def cache(self, row: Row) -> Path:
        """Folder of the proposal cache of a row."""
        return self.folder / row.cache

    def steps(self) -> list[Step]:
        """The commands in order."""
        train_base = self._train("base", self.base_config, self.folder / "base", inputs=self.prepared,
                                 is_alone=not self.name)
        steps = [train_base, *(self._fill(name, arguments) for name, arguments in self.caches.items())]
        for row in self.rows:
            if row.is_trained and row.weights is None:
                steps.append(self._train_row(row))
            steps.append(self._test_row(row))
        return steps

    def folder_of(self, row: Row) -> Path:
        """Work folder of a row."""
        return self.folder / slug(row.method)

    def results(self, row: Row) -> Path:
        """File with the metrics and detections of a row."""
        return self.folder_of(row) / "results.json"

    def pictures(self, row: Row) -> Path:
        """Folder with the pictures of a row's detections."""
        return self.folder_of(row) / "pictures"

    def checkpoint(self, row: Row) -> Path:
        """Weights that a row is tested with."""
        if not row.is_trained:
            return self.base_checkpoint
        owner = next(other for other in self.rows if other.method == (row.weights or row.method))
        return checkpoint_of(owner.config, self.folder_of(owner))

    def _named(self, step: str) -> str:
        return f"{self.name} {step}".lstrip()

    def _fill(self, name: str, arguments: Sequence[str]) -> Step:
        folder = self.folder / name
        return Step(self._named(name),
                    ("tools/precompute_proposals.py", str(self.base_config), str(self.base_checkpoint),
                     "--out", str(folder), *arguments),
                    outputs=(folder / "manifest.json",), inputs=(self.base_config, self.base_checkpoint))

    def _train(self, name: str, config: Path, folder: Path, options: Sequence[str] = (),
               inputs: Sequence[Path] = (), is_alone: bool = True) -> Step:
        overrides = ("--cfg-options", f"train_cfg.val_begin={NEVER}", *options)
        return Step(self._named(f"train {name}"),
                    ("tools/train.py", str(config), "--work-dir", str(folder), "--seed", str(self.seed),
                     "--resume", *overrides),
                    outputs=(checkpoint_of(config, folder),), inputs=(config, *inputs), is_alone=is_alone)

    def _train_row(self, row: Row) -> Step:
        cache = self.cache(row)
        options = [f"load_from={self.base_checkpoint}", *cache_options(row.config, cache), *row.training]
        return self._train(row.method, row.config, self.folder_of(row), options,
                           inputs=(self.base_checkpoint, cache / "manifest.json"), is_alone=False)

    def _test_row(self, row: Row) -> Step:
        overrides = ("--cfg-options", *row.options) if row.options else ()
        mismatch = () if row.is_trained else ("--allow-mismatch",)
        return Step(self._named(f"test {row.method}"),
                    ("tools/test.py", str(row.config), str(self.checkpoint(row)), "--work-dir",
                     str(self.folder_of(row)), "--out", str(self.results(row)), "--show-dir",
                     str(self.pictures(row)), *mismatch, *overrides),
                    outputs=(self.results(row),), inputs=(row.config, self.checkpoint(row)), is_alone=False)

    def table(self) -> list[dict[str, Any]]:
        """One dictionary a row: method, `ap50_<group>` in 0-100, images_per_second on its share of cores."""
        rows = []
        for row in self.rows:
            result = json.loads(self.results(row).read_text())
            metrics = result["metrics"]
            figures = {f"ap50_{group}": round(metrics[f"ov/ap50_{group}"], 2) for group in self.groups}
            rows.append({"method": row.method, **figures,
                         "images_per_second": round(result["images_per_second"], 1)})
        return rows


def checkpoint_of(config: Path, folder: Path) -> Path:
    """File of the last checkpoint that a training by iterations or epochs leaves in its work folder."""
    loop = _read(config).train_cfg
    return folder / (f"iter_{loop.max_iters}.pth" if "max_iters" in loop else f"epoch_{loop.max_epochs}.pth")


@cache
def _read(config: Path) -> Config:
    """Read a config once, without mmengine's line for each environment variable in it."""
    MMLogger.get_current_instance().setLevel(logging.WARNING)
    return Config.fromfile(config)


def cache_options(config: Path, cache: Path) -> list[str]:
    """Overrides that make a config's training pipeline read its proposals from `cache`."""
    pipeline = _read(config).train_dataloader.dataset.pipeline
    return [f"train_dataloader.dataset.pipeline.{place}.cache={cache}"
            for place, transform in enumerate(pipeline) if transform.type.endswith("LoadCachedProposals")]


def write_summary(folder: Path, rows: Sequence[dict[str, Any]], minutes: float, seed: int | Sequence[int],
                  table: str | None = None) -> None:
    """Write `summary.json` and `summary.md`.

    Args:
        folder: where to; made where it is missing.
        rows: one dictionary a method, AP50 in 0-100.
        minutes: time that the steps took.
        seed: one or several.
        table: the rows as Markdown; None: each value as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "summary.json", {"rows": list(rows), "minutes": round(minutes, 1), "seed": seed,
                                         "versions": {name: version(name) for name in VERSIONS}})
    write_atomically(folder / "summary.md", (table or markdown_table(rows)).encode())


def markdown_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows with equal keys as a Markdown table."""
    columns = list(rows[0])
    titles = [column.replace("ap50_", "AP50 ").replace("_", " ") for column in columns]
    lines = [titles, ["---"] * len(columns), *([str(row[column]) for column in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def slug(title: str) -> str:
    """A title as the name of a folder."""
    words = re.findall(r"[a-z0-9-]+", title.lower())
    return "_".join(words)
