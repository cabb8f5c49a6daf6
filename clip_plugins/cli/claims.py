"""ViLD's claims as rows: each claim names the rows of the table that decide it."""
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clip_plugins.cli.ov_shapes import PROPOSALS_AN_IMAGE, config_of, experiment_rows, walk
from clip_plugins.cli.seeds import spread_table
from clip_plugins.cli.steps import Step
from clip_plugins.cli.walk import Row, Walk, slug
from clip_plugins.files import read_json

RECALLS = ("recall20_base", "recall20_novel_combination", "recall20_novel_noun",
           "recall100_base", "recall100_novel_combination", "recall100_novel_noun")
MANY = 50  # proposals an image
OTHER_TEACHER = ("encoder.variant=vit",)
CACHES = {
    "proposals_many": ("--max-proposals", str(MANY)),
    "proposals_int8": ("--max-proposals", str(PROPOSALS_AN_IMAGE), "--dtype", "int8"),
    "proposals_vit": ("--max-proposals", str(PROPOSALS_AN_IMAGE), "--cfg-options", *OTHER_TEACHER),
}
RPN_ROWS = (("RPN, base names", "base"), ("RPN, all names", "oracle (trained on all names)"))
FIRST_STAGE = "rpn"


def claim_walk(folder: Path, seed: int) -> Walk:
    """The main experiment's rows of a seed and the claims' own, on one base detector."""
    job = walk(folder, (*experiment_rows(), *claim_rows()), seed)
    return replace(job, caches={**job.caches, **CACHES})


def claim_rows() -> tuple[Row, ...]:
    """Rows that the main experiment doesn't have."""
    vild, prompts = config_of("vild"), ("custom_hooks.0.prompts=vild63",)
    vit = ("model.roi_head.encoder.variant=vit",)
    weight = "model.roi_head.distillation.weight="
    return (
        Row("ViLD, distillation weight 0.25", vild, training=(f"{weight}0.25",)),
        Row("ViLD, distillation weight 4", vild, training=(f"{weight}4.0",)),
        Row("ViLD, 63 prompts", vild, options=prompts, training=prompts),
        Row("ViLD, 5 proposals an image", vild,
            training=("train_dataloader.dataset.pipeline.2.max_proposals=5",)),
        Row(f"ViLD, {MANY} proposals an image", vild, cache="proposals_many",
            training=(f"train_dataloader.dataset.pipeline.2.max_proposals={MANY}",)),
        Row("ViLD, int8 cache", vild, cache="proposals_int8"),
        Row("ViLD, weaker teacher (ViT)", vild, options=vit, training=vit, cache="proposals_vit"),
        Row("CLIP on proposals, without objectness", config_of("clip-on-proposals"), is_trained=False,
            options=("model.roi_head.use_objectness=False",)),
    )


def claims() -> dict[str, tuple[str, ...]]:
    """Claim of the paper -> titles of the rows that decide it."""
    oracle, chance = "oracle (trained on all names)", "chance (random embeddings)"
    return {
        "distilling image embeddings lifts novel names; a head of its own lifts them further (§3.3, §3.4)":
            ("ViLD-text", "ViLD-image", "ViLD", "ViLD-ensemble", oracle, chance),
        "a larger weight of the distillation helps novel and hurts base names (table 5)":
            ("ViLD, distillation weight 0.25", "ViLD", "ViLD, distillation weight 4"),
        "an ensemble of 63 prompts beats one (§3.2)": ("ViLD", "ViLD, 63 prompts"),
        "more cached proposals an image teach more":
            ("ViLD, 5 proposals an image", "ViLD", f"ViLD, {MANY} proposals an image"),
        "objectness times CLIP's score names proposals better than CLIP's score alone (§3.1)":
            ("CLIP on proposals, without objectness", "CLIP on proposals"),
        "a stronger teacher gives better novel AP (table 4)": ("ViLD, weaker teacher (ViT)", "ViLD"),
        "embeddings kept in 8 bits teach as well as in 16 (ours)": ("ViLD, int8 cache", "ViLD"),
    }


def first_stage_steps(job: Walk) -> list[Step]:
    """Tests of the first stage alone: trained on the boxes of base names, and on those of all names."""
    config, steps = config_of(FIRST_STAGE), []
    for title, owner in RPN_ROWS:
        checkpoint, folder = _weights(job, owner), first_stage_folder(job, title)
        steps.append(Step(f"test {title}",
                          ("tools/test.py", str(config), str(checkpoint), "--work-dir", str(folder), "--out",
                           str(folder / "results.json"), "--allow-mismatch"),
                          outputs=(folder / "results.json",), inputs=(config, checkpoint), is_alone=False))
    return steps


def first_stage_folder(job: Walk, title: str) -> Path:
    """Where the recall of a first stage lies."""
    return job.folder / slug(title)


def _weights(job: Walk, owner: str) -> Path:
    rows = {row.method: row for row in job.rows}
    return job.checkpoint(rows[owner]) if owner in rows else job.base_checkpoint


def recall_table(job: Walk) -> list[dict[str, Any]]:
    """One dictionary a first stage: method and its recalls in 0-100."""
    rows = []
    for title, _ in RPN_ROWS:
        metrics = read_json(first_stage_folder(job, title) / "results.json")["metrics"]
        rows.append({"method": title, **{name: metrics[f"proposals/{name}"] for name in RECALLS}})
    return rows


def tables_by_claim(rows: Sequence[dict[str, Any]], recalls: Sequence[dict[str, Any]]) -> str:
    """Markdown: a table with the rows of each claim, AP50, then the recalls of the first stages.

    Args:
        rows: of `mean_and_spread`, one a method.
        recalls: the same of `recall_table`.
    """
    by_method = {row["method"]: {name: value for name, value in row.items()
                                 if not name.startswith("images_per_second")} for row in rows}
    parts = [f"{claim}\n\n{spread_table([by_method[method] for method in methods])}"
             for claim, methods in claims().items()]
    parts.append(f"a first stage trained on base names finds novel ones (§3.1)\n\n{spread_table(recalls)}")
    return "\n".join(f"**{number}.** {part}" for number, part in enumerate(parts, start=1))
