from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from PIL import Image

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


@pytest.mark.parametrize(("flags", "told"), [
    (["--strokes", "0"], "strokes can't make a sketch"), (["--mask", "alpha"], "no alpha channel"),
    (["--start", "absent.svg"], "can't be read")])
def test_mistakes_end_in_one_sentence(main, picture, tmp_path, capsys, flags, told):
    arguments = [str(picture), "--config", RECIPE, "--out", str(tmp_path / "out"), "--iterations", "1"]
    assert main([*arguments, "--seeds", "1", *flags, *QUICK]) == 2
    assert told in capsys.readouterr().err
