import json
from pathlib import Path

from clip_plugins.cli.ov_shapes import GROUPS, config_of, demo_rows, experiment_rows, walk
from clip_plugins.cli.walk import checkpoint_of, markdown_table, write_summary


def job(folder: Path):
    return walk(folder, experiment_rows(), seed=3)


def test_each_row_is_tested_after_what_it_needs(tmp_path):
    made = set()
    for step in job(tmp_path).steps():
        needed = {path for path in step.inputs if tmp_path in path.parents}
        assert needed <= made, step.name
        made.update(step.outputs)


def test_chance_and_text_with_clip_are_tested_with_the_weights_of_another_row(tmp_path):
    the_walk = job(tmp_path)
    rows = {row.method: row for row in the_walk.rows}
    assert the_walk.checkpoint(rows["ViLD-text + CLIP"]) == the_walk.checkpoint(rows["ViLD-text"])
    assert the_walk.checkpoint(rows["chance (random embeddings)"]) == the_walk.checkpoint(rows["ViLD"])
    assert the_walk.checkpoint(rows["CLIP on proposals"]) == the_walk.base_checkpoint


def test_what_distils_reads_the_cache_of_this_walk(tmp_path):
    the_walk = job(tmp_path)
    commands = {step.name: " ".join(step.command) for step in the_walk.steps()}
    assert f"cache={tmp_path / 'proposals'}" in commands["train ViLD"]
    assert "cache=" not in commands["train ViLD-text"]
    assert all("--seed 3" in command for name, command in commands.items() if name.startswith("train"))


def test_the_checkpoint_is_named_as_the_training_leaves_it():
    assert checkpoint_of(config_of("base"), Path("work")).name.startswith("iter_")


def test_the_table_holds_a_row_a_method_and_the_summary_says_the_same(tmp_path):
    the_walk = walk(tmp_path, demo_rows(), seed=0)
    for place, row in enumerate(the_walk.rows):
        the_walk.folder_of(row).mkdir()
        metrics = {f"ov/ap50_{group}": place + 0.123 for group in GROUPS}
        result = {"metrics": metrics, "images_per_second": 9.87}
        the_walk.results(row).write_text(json.dumps(result))
    rows = the_walk.table()
    assert [row["ap50_novel_noun"] for row in rows] == [0.12, 1.12, 2.12, 3.12, 4.12, 5.12]
    write_summary(tmp_path, rows, minutes=12.34, seed=0)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["rows"] == rows
    assert summary["minutes"] == 12.3
    assert summary["versions"]["torch"]
    assert (tmp_path / "summary.md").read_text() == markdown_table(rows)
    assert "| ViLD-text | 2.12 |" in markdown_table(rows)
