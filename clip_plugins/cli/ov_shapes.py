"""The main job on the embedded benchmark: which rows the table has, and the steps round them."""
from collections.abc import Sequence
from pathlib import Path

from clip_plugins.cli.steps import TRAININGS, Chain, Step
from clip_plugins.cli.walk import Row, Walk

DATA = Path("data/ov_shapes")
GROUPS = ("base", "novel_combination", "novel_noun", "novel", "all")
CONFIGS = Path("configs/vild")
SUFFIX = "faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
PROPOSALS_AN_IMAGE = 20


def config_of(method: str) -> Path:
    """Config file of a method on the benchmark."""
    return CONFIGS / f"{method}_{SUFFIX}"


def demo_rows() -> tuple[Row, ...]:
    """The rows of the demo: baseline, CLIP alone, the paper's variants, chance."""
    vild = Row("ViLD", config_of("vild"))
    return (
        Row("Faster R-CNN (closed vocabulary)", CONFIGS / SUFFIX),
        Row("CLIP on proposals", config_of("clip-on-proposals"), is_trained=False),
        Row("ViLD-text", config_of("vild-text")),
        vild,
        Row("ViLD-ensemble", config_of("vild-ensemble")),
        Row("chance (random embeddings)", vild.config, weights=vild.method,
            options=("custom_hooks.0.chance_seed=0",)),
    )


def experiment_rows() -> tuple[Row, ...]:
    """The demo's rows and ViLD-image, text + CLIP and the oracle."""
    text = config_of("vild-text-clip")
    return (
        *demo_rows(),
        Row("ViLD-image", config_of("vild-image")),
        Row("ViLD-text + CLIP", text, weights="ViLD-text"),
        Row("oracle (trained on all names)", config_of("oracle")),
    )


def prepare_step() -> Step:
    """Generates the benchmark where it isn't there yet."""
    command = ("tools/prepare_data.py", "ov_shapes", "--root", str(DATA))
    return Step("generate ov_shapes", command, outputs=(DATA / "annotations" / "instances_test.json",))


def run_on_ov_shapes(folder: Path, steps: Sequence[Step]) -> float:
    """Run the steps of a job on the benchmark, generated first; minutes that all took.

    Args:
        folder: of the job.
        steps: in order.
    """
    steps = [prepare_step(), *steps]
    chain = Chain(folder)
    chain.run(steps, workers=TRAININGS)
    return chain.seconds(steps) / 60


def walk(folder: Path, rows: tuple[Row, ...], seed: int) -> Walk:
    """The job on the benchmark.

    Args:
        folder: Where checkpoints, the cache and results go.
        rows: Rows of the table.
        seed: Seed of every training.
    """
    return Walk(folder=folder, base_config=config_of("base"), rows=rows, groups=GROUPS,
                prepared=(DATA / "annotations" / "instances_train.json",), seed=seed,
                caches={"proposals": ("--max-proposals", str(PROPOSALS_AN_IMAGE))})
