"""docs/drop-in.md as a reader runs it: from the wheel, in a folder without the repository."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tiny_coco import write_tiny_coco
from tests.wheel import ROOT, build_wheel, unpack

PAGE = (ROOT / "docs" / "drop-in.md").read_text(encoding="utf-8")
DOWNLOADED = 'model="ViT-B-32", pretrained="laion2b_s34b_b79k"'
RANDOM = 'model="ViT-S-32-alt", pretrained=None'
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
ONE_PROCESS = [f"{loader}.{option}" for loader in LOADERS
               for option in ("num_workers=0", "persistent_workers=False", "batch_size=2")]
SMALL_COCO = [*ONE_PROCESS, "train_cfg.max_epochs=1", "model.backbone.init_cfg=None", "randomness.seed=0",
              "model.test_cfg.rcnn.score_thr=0.0",  # without a detection mmdet gives no figures
              "train_dataloader.dataset.pipeline.2.scale=(128,96)",
              "val_dataloader.dataset.pipeline.1.scale=(128,96)",
              "test_dataloader.dataset.pipeline.1.scale=(128,96)",
              "model.train_cfg.rpn_proposal.max_per_img=20", "model.test_cfg.rpn.max_per_img=20"]
SMALL_SHAPES = [*ONE_PROCESS, "train_cfg.max_iters=1", "train_cfg.val_interval=1",
                "default_hooks.checkpoint.interval=1", "default_hooks.logger.interval=1"]
SMALL_SIZES = "--train 6 --captions 0 --val 2 --test 2 --drawings 0 --workers 0"
# `python` of the reader: mmdet's tools get the options above, everything else is run as it is written
SHIM = """#!/bin/sh
case "$1" in
  */mmdet/.mim/tools/*) extra="--cfg-options $SHRINK" ;;
  */prepare_data.py) extra="$SIZES" ;;
  *) extra= ;;
esac
exec '{python}' "$@" $extra
"""


def blocks(language: str, heading: str | None = None) -> list[str]:
    """The page's code blocks of a language, below a heading where given."""
    text = PAGE if heading is None else PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def configs() -> dict[str, str]:
    """File name -> text of each config that the page shows as a diff."""
    shown = re.findall(r"^`(\w+\.py)`[^\n]*\n\n```diff\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return {name: "".join(f"{line[1:]}\n" for line in diff.splitlines()) for name, diff in shown}


@dataclass
class Reader:
    """A folder, and the commands that are typed in it."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str, shrink: list[str] | tuple[str, ...] = ()) -> str:
        environment = {**self.environment, "SHRINK": " ".join(shrink), "SIZES": SMALL_SIZES}
        run = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True,
                             timeout=1200)
        assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
        return run.stdout + run.stderr

    def bash(self, block: str, shrink: list[str]) -> str:
        return self.run("bash", "-euc", block, shrink=shrink)

    def stand_in(self, checkpoint: str) -> None:
        """Of many epochs or iterations one is run, whose checkpoint answers for the last one's."""
        path = self.folder / "work_dirs" / checkpoint
        path.parent.mkdir(parents=True)
        path.symlink_to(re.sub(r"\d+", "1", path.name))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def reader(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Someone with the wheel, COCO and nothing else."""
    folder = tmp_path_factory.mktemp("reader")
    environment = unpack(wheel, tmp_path_factory.mktemp("site"))
    shim = folder / "bin" / "python"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(python=sys.executable))
    shim.chmod(0o755)
    environment["PATH"] = f"{shim.parent}{os.pathsep}{environment['PATH']}"
    write_tiny_coco(folder / "data" / "coco")
    shutil.copy(folder / "data" / "coco" / "val2017" / "1.jpg", folder / "picture.jpg")
    for name, text in configs().items():
        (folder / name).write_text(text.replace(DOWNLOADED, RANDOM))
    return Reader(folder, environment)


def test_the_page_shows_three_detectors_and_five_added_lines_each():
    assert list(configs()) == ["my_faster_rcnn.py", "my_mask_rcnn.py", "my_cascade_rcnn.py"]
    for diff in blocks("diff"):
        added = [line for line in diff.splitlines() if line.startswith("+")]
        assert len(added) == 5 and DOWNLOADED in diff


def test_the_wheel_carries_what_openmmlab_packages_carry(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    mim = "clip_plugins/.mim"
    for path in (ROOT / "configs").rglob("*"):
        if path.suffix in (".py", ".yml", ".md") and "__pycache__" not in path.parts:
            assert f"{mim}/{path.relative_to(ROOT)}" in names
    assert {f"{mim}/model-index.yml", f"{mim}/constraints.txt", f"{mim}/tools/train.py",
            "clip_plugins_boot.pth", "_clip_plugins_boot.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests", "configs"))]


def test_the_reader_has_the_wheel_and_not_the_repository(reader: Reader):
    told = reader.run("python", "-c", "import clip_plugins; print(clip_plugins.__file__)")
    assert reader.environment["PYTHONPATH"] in told and str(ROOT) not in told


def test_faster_rcnn_and_inference_run_as_written(reader: Reader):
    reader.stand_in("my_faster_rcnn/epoch_12.pth")
    told = reader.bash(blocks("bash", "Faster R-CNN")[0], SMALL_COCO)
    assert "loss_text" in told and "coco/bbox_mAP" in told
    inference, = blocks("python", "Names without a hook")
    told = reader.run("python", "-c", f"{inference}print(len(found), model.roi_head.names)")
    assert "('a red mug', 'a blue mug')" in told


TWO_RUNS = """
import runpy, sys
from pathlib import Path
import mmdet
tools = Path(mmdet.__file__).parent / ".mim" / "tools"
options = sys.argv[1:]
for name in ("my_mask_rcnn", "my_cascade_rcnn"):
    for tool, rest in (("train.py", []), ("test.py", [f"work_dirs/{name}/epoch_1.pth"])):
        sys.argv = [tool, f"{name}.py", *rest, *options]
        runpy.run_path(str(tools / tool), run_name="__main__")
"""


def test_mask_and_cascade_rcnn_train_and_test(reader: Reader):
    told = reader.run("python", "-c", TWO_RUNS, "--cfg-options", *SMALL_COCO)  # one process: seconds cheaper
    assert "loss_mask" in told and "coco/segm_mAP" in told and "s2.loss_text" in told


def test_our_configs_run_by_mmdets_tools_as_written(reader: Reader):
    reader.stand_in("base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes/iter_300.pth")
    reader.stand_in("vild_faster-rcnn_tiny-clip_fpn_demo_ov_shapes/iter_400.pth")
    told = reader.bash(blocks("bash", "Our configs, mmdet's tools")[0], SMALL_SHAPES)
    assert "loss_distillation" in told and "ap50_novel_noun" in told


def test_every_block_of_the_page_is_run():
    shown = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    assert sorted(shown) == sorted(["diff"] * len(configs()) + ["bash"] * 2 + ["python"])
