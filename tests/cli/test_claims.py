import json

import pytest

from clip_plugins.cli.claims import (
    RECALLS,
    claim_walk,
    claims,
    first_stage_folder,
    first_stage_steps,
    recall_table,
    tables_by_claim,
)


def test_every_claim_is_decided_by_rows_that_are_run(tmp_path):
    titles = {row.method for row in claim_walk(tmp_path, seed=0).rows}
    assert {method for methods in claims().values() for method in methods} <= titles


def test_steps_run_after_what_they_read(tmp_path):
    job, made = claim_walk(tmp_path, seed=0), set()
    for step in [*job.steps(), *first_stage_steps(job)]:
        assert {path for path in step.inputs if tmp_path in path.parents} <= made, step.name
        made.update(step.outputs)


@pytest.mark.parametrize("method, words", [
    ("ViLD, distillation weight 4", "distillation.weight=4.0"),
    ("ViLD, 63 prompts", "prompts=vild63"),
    ("ViLD, int8 cache", "proposals_int8"),
    ("ViLD, weaker teacher (ViT)", "encoder.variant=vit"),
])
def test_what_a_row_claims_stands_in_its_training(tmp_path, method, words):
    commands = {step.name: " ".join(step.command) for step in claim_walk(tmp_path, seed=0).steps()}
    assert words in commands[f"train {method}"]
    assert words not in commands["train ViLD"]


def test_the_text_of_the_claims_holds_each_row_and_the_recalls(tmp_path):
    job = claim_walk(tmp_path, seed=0)
    for step in first_stage_steps(job):
        step.outputs[0].parent.mkdir(parents=True)
        step.outputs[0].write_text(json.dumps({"metrics": {f"proposals/{name}": 12.5 for name in RECALLS}}))
    assert first_stage_folder(job, "RPN, base names").is_dir()
    recalls = [{**row, **{f"{name}_spread": 1.0 for name in RECALLS}} for row in recall_table(job)]
    rows = [{"method": row.method, "ap50_base": 1.0, "ap50_base_spread": 0.5, "images_per_second": 9.0,
             "images_per_second_spread": 1.0} for row in job.rows]
    text = tables_by_claim(rows, recalls)
    assert text.count("**") == 2 * (len(claims()) + 1)
    assert "| ViLD, 63 prompts | 1.0 ± 0.5 |" in text
    assert "12.5 ± 1.0" in text and "9.0" not in text
