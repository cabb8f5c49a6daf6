import signal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clip_plugins.cli.sketch_objects import sample_objects
from clip_plugins.sketch import runner
from clip_plugins.sketch.svg import read_svg
from tests.sketch import small

ROOT = Path(__file__).resolve().parents[2]
RECIPE = str(ROOT / "configs" / "clipasso" / "clipasso_tiny-resnet_ov_shapes.py")
QUICK = ["--cfg-options", "model.views.views=0", "model.start.source=uniform"]


@pytest.fixture(scope="module")
def main():
    spec = spec_from_file_location("tool_sketch", ROOT / "tools" / "sketch.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "square, 1.png"  # a comma isn't a list
    Image.fromarray(small.picture()).save(path)
    return path


def test_the_flags_reach_the_recipe(main, picture, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([str(picture), "--config", RECIPE, "--out", str(out), "--strokes", "2", "3", "--seeds", "2",
                 "--seed", "4", "--iterations", "1", "--centre", *QUICK]) == 0
    folder = out / "square, 1.png"
    assert {path.name for path in folder.iterdir()} == {"2_strokes", "3_strokes", "sheet.png"}
    assert (folder / "2_strokes" / "seed_1.svg").is_file() and str(out) in capsys.readouterr().out


def test_ctrl_c_leaves_the_best_sketch_so_far(main, picture, tmp_path, monkeypatch):
    whole = runner.write_best

    def write_and_interrupt(*given):
        whole(*given)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(runner, "write_best", write_and_interrupt)
    arguments = [str(picture), "--config", RECIPE, "--out", str(tmp_path / "out"), "--strokes", "2"]
    assert main([*arguments, "--seeds", "1", "--iterations", "1000", *QUICK]) == 130
    folder = tmp_path / "out" / "square, 1.png" / "2_strokes"
    assert len(read_svg(folder / "sketch.svg").strokes.points[0]) == 2 and (folder / "sketch.png").is_file()
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize(("flags", "told"), [
    (["--strokes", "0"], "strokes can't make a sketch"), (["--mask", "alpha"], "no alpha channel"),
    (["--start", "absent.svg"], "can't be read")])
def test_mistakes_end_in_one_sentence(main, picture, tmp_path, capsys, flags, told):
    arguments = [str(picture), "--config", RECIPE, "--out", str(tmp_path / "out"), "--iterations", "1"]
    assert main([*arguments, "--seeds", "1", *flags, *QUICK]) == 2
    assert told in capsys.readouterr().err


def test_a_segmentor_masks_the_object(main, tmp_path):
    picture = np.full((160, 160, 3), 235, np.uint8)  # the paper isn't white
    picture[40:120, 40:120] = np.asarray(Image.fromarray(sample_objects(17)[16].image).resize((80, 80)))
    Image.fromarray(picture).save(tmp_path / "heart.png")
    segmentor = str(ROOT / "configs" / "lseg" / "clip-dense_tiny-clip_demo_ov_shapes.py")
    flags = ["--strokes", "2", "--seeds", "1", "--iterations", "1", "--mask-model", segmentor, "--mask-names"]
    assert main([str(tmp_path / "heart.png"), "--config", RECIPE, "--out", str(tmp_path / "out"), *flags,
                 "a heart", *QUICK]) == 0
    target = np.asarray(Image.open(tmp_path / "out" / "heart.png" / "2_strokes" / "target.png"))
    assert (target[0] == 255).all() and (target < 200).any()


@pytest.mark.parametrize("flags", [
    ["--mask-model", "a.py"], ["--mask-model", "a.py", "b", "c", "--mask-names", "x"]])
def test_a_mask_model_without_names_is_told(main, picture, tmp_path, capsys, flags):
    assert main([str(picture), "--config", RECIPE, "--out", str(tmp_path / "out"), *flags]) == 2
    assert "--mask-names" in capsys.readouterr().err
