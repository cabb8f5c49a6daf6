import json
from io import BytesIO

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from clip_plugins.cli.config import load_config
from clip_plugins.cli.runner import build_runner
from clip_plugins.cli.sketching import mask_config, sketch
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.sketch import results
from clip_plugins.sketch.runner import SketchRunner
from clip_plugins.sketch.svg import read_svg
from tests.sketch import small


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(small.picture()).save(folder / "square.png")
    return folder


def run(pictures, tmp_path, **changes):
    config = Config({"runner_type": "clip_plugins.SketchRunner", "model": small.model(),
                     "pictures": {"path": str(pictures)}, "work_dir": str(tmp_path / "out"), "strokes": 3,
                     "seeds": 2, "randomness": {"seed": 5}, **changes})
    runner = build_runner(config)
    runner.train()
    return runner


def test_a_picture_leaves_everything(pictures, tmp_path):
    runner = run(pictures, tmp_path)
    assert isinstance(runner, SketchRunner) and runner.seeds == (5, 1005)
    folder = tmp_path / "out" / "square.png" / "3_strokes"
    assert {file.name for file in folder.iterdir()} == {
        "sketch.svg", "sketch.png", "target.png", "loss.png", "optimisation.gif", "optimisation.mp4",
        "seed_0.svg", "seed_1.svg", "result.json"}
    record = json.loads((folder / "result.json").read_text())
    assert record["strokes"] == 3 and record["seed"] in (5, 1005) and len(record["seed_losses"]) == 2
    strokes, size = read_svg(folder / "sketch.svg")
    assert strokes.points.shape == (1, 3, 4, 2) and tuple(size) == (small.SIDE, small.SIDE)
    assert Image.open(folder / "optimisation.gif").n_frames >= 2


def test_several_numbers_make_a_sheet(pictures, tmp_path):
    run(pictures, tmp_path, strokes=[2, 4])
    sheet = Image.open(tmp_path / "out" / "square.png" / "sheet.png")
    assert sheet.width > 3 * small.SIDE


def test_finished_pictures_are_not_drawn_again_and_changed_recipes_are(pictures, tmp_path, monkeypatch):
    run(pictures, tmp_path)
    drawn = []
    monkeypatch.setattr(SketchRunner, "_draw", lambda *given: drawn.append(given) or pytest.fail("drawn"))
    run(pictures, tmp_path)
    assert drawn == []
    with pytest.raises(pytest.fail.Exception):
        run(pictures, tmp_path, model=small.model(half_width=2.0))


def test_what_another_recipe_drew_over_is_not_finished_any_more(pictures, tmp_path, monkeypatch):
    run(pictures, tmp_path, seeds=3)
    folder = tmp_path / "out" / "square.png" / "3_strokes"
    with monkeypatch.context() as patch:
        patch.setattr(SketchRunner, "_draw", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(pictures, tmp_path, model=small.model(half_width=2.0))
    assert not (folder / "result.json").exists() and (folder / "sketch.svg").is_file()
    run(pictures, tmp_path, seeds=1)
    assert (folder / "result.json").is_file() and not list(folder.glob("seed_*.svg"))


def test_sketches_among_the_pictures_are_not_sketched(pictures, tmp_path):
    for _ in range(2):
        run(pictures, tmp_path, work_dir=str(pictures / "out"))
    assert [path.name for path in (pictures / "out").iterdir()] == ["square.png"]
    with pytest.raises(ConfigError, match="choose another folder"):
        run(pictures, tmp_path, work_dir=str(pictures))


def test_faded_strokes_are_left_out_where_pruning_is_asked_for(pictures, tmp_path, monkeypatch):
    faded = small.model(schedule={"iterations": 2, "evaluate_every": 1, "opacity_rate": 0.5, "keeps": "seen"})
    whole = SketchRunner._draw.__globals__["prune"]
    pruned = []
    monkeypatch.setattr("clip_plugins.sketch.runner.prune",
                        lambda strokes: pruned.append(whole(strokes, min_opacity=2.0)) or pruned[-1])
    run(pictures, tmp_path, model=faded, options={"prunes": True})
    folder = tmp_path / "out" / "square.png" / "3_strokes"
    assert read_svg(folder / "sketch.svg")[0].points.allclose(pruned[0].points)
    assert json.loads((folder / "result.json").read_text())["strokes"] == 1


def test_an_interrupted_run_leaves_the_best_sketch_and_goes_on(pictures, tmp_path, monkeypatch):
    folder = tmp_path / "out" / "square.png" / "3_strokes"
    whole, calls = results.write_svg, []

    def interrupted(*given, **options):
        whole(*given, **options)
        calls.append(given)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(results, "write_svg", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(pictures, tmp_path)
    assert read_svg(folder / "sketch.svg")[0].points.shape == (1, 3, 4, 2)
    assert not (folder / "result.json").exists()
    run(pictures, tmp_path)
    assert (folder / "result.json").exists()


def test_unreadable_pictures_are_left_out_and_told_at_the_end(pictures, tmp_path):
    (pictures / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 of 2 pictures couldn't be used.*broken"):
        run(pictures, tmp_path)
    assert (tmp_path / "out" / "square.png" / "3_strokes" / "result.json").is_file()
    assert not (tmp_path / "out" / "broken.png").exists()


@pytest.mark.parametrize(("mode", "size"), [
    ("L", (9, 9)), ("RGBA", (200, 3)), ("RGB", (1, 1)), ("1", (1500, 900))])
def test_any_picture_is_sketched(tmp_path, mode, size):
    path = tmp_path / "odd.png"
    values = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(values).convert(mode).save(path)
    run(path, tmp_path)
    assert (tmp_path / "out" / "odd.png" / "3_strokes" / "sketch.svg").is_file()


def test_a_picture_beyond_the_limits_is_told(tmp_path):
    Image.new("L", (20_001, 2)).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match="scale it down"):
        run(tmp_path / "huge.png", tmp_path)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_drawn(pictures, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DataError, match="can't be written"):
        run(pictures, tmp_path)


def test_a_sketch_goes_on_from_an_svg_of_another_size(pictures, tmp_path):
    run(pictures, tmp_path)
    first = tmp_path / "out" / "square.png" / "3_strokes" / "sketch.svg"
    again = small.model(canvas=64, schedule={"iterations": 1, "keeps": "seen"})
    run(pictures, tmp_path, model=again, work_dir=str(tmp_path / "more"), options={"first": str(first)})
    assert not list((tmp_path / "more").rglob("seed_*.svg"))  # all seeds would begin alike: one is drawn
    larger, size = read_svg(tmp_path / "more" / "square.png" / "3_strokes" / "sketch.svg")
    assert tuple(size) == (64, 64)
    assert larger.points.allclose(2 * read_svg(first)[0].points, atol=1e-3)


def test_the_svg_says_how_many_strokes_there_are(pictures, tmp_path):
    run(pictures, tmp_path, strokes=2)
    first = str(tmp_path / "out" / "square.png" / "2_strokes" / "sketch.svg")
    run(pictures, tmp_path, strokes=[4, 8], work_dir=str(tmp_path / "more"), options={"first": first})
    assert [path.name for path in (tmp_path / "more" / "square.png").iterdir()] == ["2_strokes"]


@pytest.mark.parametrize("looks", [{}, {"schedule": {
    "iterations": 6, "evaluate_every": 2, "points_rate": 0.5, "width_rate": 0.1, "colour_rate": 0.1,
    "opacity_rate": 0.05, "ink": "free"}}])
def test_an_independent_renderer_paints_the_svg_as_the_png(pictures, tmp_path, looks):
    resvg = pytest.importorskip("resvg_py", reason="resvg-py, an independent renderer, isn't installed")
    run(pictures, tmp_path, model=small.model(**looks), strokes=8)
    folder = tmp_path / "out" / "square.png" / "8_strokes"
    theirs = bytes(resvg.svg_to_bytes(svg_path=str(folder / "sketch.svg"), background="white"))
    pictures = [np.asarray(Image.open(file).convert("RGB")).astype(float)
                for file in (BytesIO(theirs), folder / "sketch.png")]
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.02 * 255


def test_the_judge_names_sketches_and_counts_where_folders_are_classes(pictures, tmp_path):
    (pictures / "star").mkdir()
    (pictures / "square.png").rename(pictures / "star" / "1.png")
    judge = {"type": "clip_plugins.SketchJudge", "encoder": small.TINY, "names": ["star", "ring"]}
    run(pictures, tmp_path, options={"judge": judge})
    row = json.loads((tmp_path / "out" / "recognition.json").read_text())["rows"][0]
    assert row["accuracy"] in (0, 100) and row["sketches"][0]["picture"] == "star/1.png"


@pytest.mark.parametrize("changes", [{"strokes": 0}, {"strokes": [4, 1001]}, {"seeds": 0}, {"strokes": []},
                                     {"options": {"fist": "x.svg"}}, {"model": None}])
def test_wrong_jobs_are_refused(pictures, tmp_path, changes):
    with pytest.raises(ConfigError):
        run(pictures, tmp_path, **changes)


def test_missing_pictures_are_told(tmp_path):
    with pytest.raises(DataError, match="neither a picture nor a folder"):
        run(tmp_path / "absent", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        run(tmp_path / "empty", tmp_path)


def test_the_tool_runs_a_shipped_recipe_with_a_mask(pictures, tmp_path):
    picture = pictures / "square.png"
    light = Image.fromarray(255 - np.asarray(Image.open(picture).convert("L")))
    light.save(tmp_path / "mask.png")
    out = sketch(picture, "configs/clipasso/clipasso_tiny-vit_ov_shapes_contours.py", tmp_path / "tool",
                 ["strokes=[2]", "seeds=1", "model.schedule.iterations=2", "model.views.views=1"],
                 mask=str(tmp_path / "mask.png"))
    assert (out / "square.png" / "2_strokes" / "result.json").is_file()
    assert mask_config("alpha") == {"type": "clip_plugins.AlphaMask"}
    with pytest.raises(ConfigError, match="no config of a SketchRunner"):
        sketch(picture, "configs/clip/clip_tiny-vit_ov_shapes.py", tmp_path / "tool")


def test_recipes_of_this_method_are_runners():
    config = load_config("configs/clipasso/clipasso_rn101_224.py")
    assert config.model.schedule.iterations == 2001 and config.seeds == 3
    assert config.model.objective.terms[0].layers == {"layer2": 1.0, "layer3": 1.0}
