"""Every command of docs/vocabulary.md, as it stands there, with an untrained detector on a few scenes."""
import json
import re
import shlex
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import save_checkpoint
from PIL import Image

from clip_plugins.cli.config import load_config
from clip_plugins.datasets.ov_shapes import build_ov_shapes
from clip_plugins.vocabulary import Vocabulary
from tests.cli.test_tools import forget_runs

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/vocabulary.md").read_text()
NOT_RUN = ("tools/experiments/", "tools/benchmarks/")
CONFIG = "configs/vild/vild-ensemble_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
SCENES = {"train": 2, "captions": 2, "val": 6, "test": 4, "drawings": 2}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def commands() -> list[list[str]]:
    lines = "".join(blocks("bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line.partition("python ")[2]) for line in lines]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's names are real files."""
    folder = tmp_path_factory.mktemp("page")
    build_ov_shapes(folder / "data/ov_shapes", SCENES, workers=0, progress=False)
    (folder / "configs").symlink_to(ROOT / "configs")
    for number, name in enumerate(("picture", "mug1", "mug2", "plate")):
        noise = np.random.default_rng(number).integers(0, 255, (96, 96, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.png")
    (folder / "vocabulary.yaml").write_text(blocks("yaml")[0])
    init_default_scope("mmdet")
    model = MODELS.build(load_config(ROOT / CONFIG).model)
    for module in model.modules():  # random weights are sure of one name, and no detection would be true
        if hasattr(module, "temperature"):
            module.temperature = 1.0
    weights = folder / "work_dirs/demo/vild-ensemble/iter_400.pth"
    weights.parent.mkdir(parents=True)
    save_checkpoint({"state_dict": model.state_dict()}, str(weights))
    return folder


def run(command: list[str]) -> int:
    forget_runs()
    spec = spec_from_file_location("tool", ROOT / command[0])
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(command[1:])


def with_truth(results: Path, annotations: Path) -> None:
    """Add each scene's true boxes to its detections: an untrained detector has too few true ones."""
    content, truth = json.loads(results.read_text()), json.loads(annotations.read_text())
    for one in content["detections"]:
        for entry in truth["annotations"]:
            if entry["image_id"] == one["image_id"]:
                x, y, width, height = entry["bbox"]
                one["boxes"].append([x, y, x + width, y + height])
                one["labels"].append(entry["category_id"] - 1)
                one["scores"].append(0.5)
    results.write_text(json.dumps(content))


def test_the_pages_commands_run(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(home)
    ran = [command for command in commands() if not command[0].startswith(NOT_RUN)]
    assert {command[0] for command in ran} == {"tools/image_demo.py", "tools/zero_shot.py", "tools/test.py",
                                               "tools/calibrate_thresholds.py"}
    for command in ran:
        assert run(command) == 0, shlex.join(command)
        if command[-1].endswith("instances_val.json"):
            with_truth(home / "work_dirs/val.json", home / "data/ov_shapes/annotations/instances_val.json")
    asked = json.loads((home / "work_dirs/pictures/detections.json").read_text())["names"]
    assert asked == ["red star", "green ring", "mug"]
    cuts = dict(zip(Vocabulary.load("work_dirs/calibrated.yaml").names,
                    Vocabulary.load("work_dirs/calibrated.yaml").thresholds))
    tested = json.loads((home / "work_dirs/test.json").read_text())
    assert len(cuts) == 192 and "ov/ap50_all" in tested["metrics"]
    assert all(score >= cuts[tested["names"][label]] - 1e-6 for one in tested["detections"]
               for label, score in zip(one["labels"], one["scores"]))


def test_what_isnt_run_is_said_on_the_page():
    others = [command[0] for command in commands() if command[0].startswith(NOT_RUN)]
    assert others and all((ROOT / name).is_file() for name in others)
    assert "so the tests don't run them" in PAGE
