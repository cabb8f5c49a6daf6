"""The main job on real photographs: a CLIP trained on pairs, then the walk on each of two sets."""
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clip_plugins.cli.steps import TRAININGS, Chain, Step
from clip_plugins.cli.walk import Row, Walk, markdown_table, write_summary

CLIP_CONFIG = Path("configs/clip/clip_resnet_real.py")
CONFIGS = Path("configs/vild")
SUFFIX = "faster-rcnn_clip-resnet_fpn"
GROUPS = {
    "coco_tiny": ("base", "novel", "novel_seen_by_clip", "all"),
    "wild": ("base", "novel", "all"),
}
PROPOSALS_AN_IMAGE = 64
# where configs look for the photographs, and for what was trained on them
PHOTOGRAPHS, FOLDER = "CLIP_PLUGINS_PHOTOGRAPHS", "CLIP_PLUGINS_DEMO_REAL"
NEEDED = ("tiny_imagenet", "captions", *GROUPS)


def absent_photographs(root: Path, also: Sequence[str] = ()) -> list[str]:
    """Which of the needed folders, and of others, aren't below `root`."""
    return [name for name in dict.fromkeys((*NEEDED, *also)) if not (root / name).is_dir()]


@dataclass(frozen=True)
class PhotographJob:
    """Everything that `make demo-real` does.

    Args:
        folder: where weights, caches and results go.
        root: folder with the photographs.
        seed: of every training.
    """

    folder: Path
    root: Path
    seed: int = 0

    @property
    def encoder(self) -> Path:
        """Weights of the CLIP for photographs."""
        return self.folder / "clip" / "encoder.safetensors"

    def walks(self) -> dict[str, Walk]:
        """Set -> its base detector, proposal cache and rows."""
        return {
            name: Walk(
                folder=self.folder / name,
                base_config=config_of("base", name),
                rows=rows(name),
                groups=groups,
                prepared=(self.root / name / "instances_train.json", self.encoder),
                seed=self.seed,
                name=name,
                caches={"proposals": ("--max-proposals", str(PROPOSALS_AN_IMAGE))},
            )
            for name, groups in GROUPS.items()
        }

    def steps(self) -> list[Step]:
        """The commands in order."""
        return [self.clip_step(), *(step for walk in self.walks().values() for step in walk.steps())]

    def set_environment(self) -> None:
        """Tell the configs of all commands where things are."""
        os.environ[PHOTOGRAPHS], os.environ[FOLDER] = str(self.root), str(self.folder)

    def clip_step(self) -> Step:
        """The command that trains the CLIP."""
        command = ("tools/train.py", str(CLIP_CONFIG), "--work-dir", str(self.folder / "clip"), "--seed",
                   str(self.seed), "--resume")
        pairs = (self.root / "coco_tiny" / "image_labels.json", self.root / "wild" / "image_labels.json",
                 self.root / "captions" / "captions.jsonl")
        return Step("train CLIP", command, outputs=(self.encoder,), inputs=(CLIP_CONFIG, *pairs))


def config_of(method: str, name: str) -> Path:
    """Config file of a method on a set."""
    return CONFIGS / f"{method}_{SUFFIX}_{name}.py"


def rows(name: str) -> tuple[Row, ...]:
    """The rows of a set's table: CLIP alone, the paper's variants, chance, the oracle."""
    ensemble = Row("ViLD-ensemble", config_of("vild-ensemble", name))
    return (
        Row("CLIP on proposals", config_of("clip-on-proposals", name), is_trained=False),
        Row("ViLD-text", config_of("vild-text", name)),
        ensemble,
        Row("chance (random embeddings)", ensemble.config, weights=ensemble.method,
            options=("custom_hooks.0.chance_seed=0",)),
        Row("oracle (trained on all names)", config_of("oracle", name)),
    )


def run_walks(folder: Path, steps: Sequence[Step], walks: Mapping[str, Any], seed: int,
              out: Path) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """Run a job whose walks are titled, and write their tables.

    Args:
        folder: of the chain.
        steps: of the job, in order.
        walks: title -> what has a `table()` once the steps are done.
        seed: of every training.
        out: gets the files of `write_summaries`.

    Returns:
        the text of `summary.md`, and title -> table.
    """
    chain = Chain(folder)
    chain.run(steps, workers=TRAININGS)
    tables = {title: walk.table() for title, walk in walks.items()}
    return write_summaries(out, tables, chain.seconds(steps) / 60, seed), tables


def write_summaries(
    folder: Path, tables: dict[str, Sequence[dict[str, Any]]], minutes: float, seed: int
) -> str:
    """Write `summary.json` (rows of all sets, each with its `dataset`) and `summary.md` (a table a set).

    Returns:
        the text of `summary.md`.
    """
    every = [{"dataset": name, **row} for name, table in tables.items() for row in table]
    text = "\n".join(f"## {name}\n\n{markdown_table(table)}" for name, table in tables.items())
    write_summary(folder, every, minutes, seed, table=text)
    return text
