"""mmseg's own installed tools train and test LSeg; the config's only link to us is custom_imports."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

mmseg = pytest.importorskip("mmseg")

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(mmseg.__file__).parent / ".mim" / "tools"
CONFIG = """
custom_imports = dict(imports=["clip_plugins"], allow_failed_imports=False)
_base_ = {base!r}
"""
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def run(*command: str, folder: Path) -> str:
    """A command in a folder without the repository; the package is found where it is."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True,
                          text=True, timeout=900)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def evaluate_and_draw(config: Path, work: list[str], options: list[str], folder: Path) -> None:
    """mmseg's test.py alone, then with all its switches: pictures, masks on disk, test-time augmentation."""
    command = [str(TOOLS / "test.py"), str(config), str(folder / "work" / "iter_1.pth"), *work]
    assert "seg/miou_base" in run(*command, "--cfg-options", *options, folder=folder)
    told = run(*command, "--tta", "--show-dir", str(folder / "shown"), "--out", str(folder / "masks"),
               "--cfg-options", "default_hooks.visualization.interval=1", *options, folder=folder)
    assert "seg/miou_base" in told
    assert list((folder / "shown").rglob("*.png")) and list((folder / "masks").glob("*.png"))


@pytest.mark.skipif(not TOOLS.is_dir(), reason="this mmseg was installed without its tools")
def test_mmsegs_tools_train_and_test_lseg(tiny_ov_shapes, tmp_path):
    config = tmp_path / "lseg.py"
    config.write_text(CONFIG.format(base=str(ROOT / "configs/lseg/lseg_tiny-clip_demo_ov_shapes.py")))
    small = ["train_cfg.max_iters=1", "train_cfg.val_interval=1", "default_hooks.checkpoint.interval=1",
             "default_hooks.logger.interval=1"]
    for loader in LOADERS:
        small += [f"{loader}.dataset.data_root={tiny_ov_shapes}", f"{loader}.num_workers=0",
                  f"{loader}.persistent_workers=False", f"{loader}.batch_size=2"]
    work = ["--work-dir", str(tmp_path / "work")]
    told = run(str(TOOLS / "train.py"), str(config), *work, "--cfg-options", *small, folder=tmp_path)
    assert "loss_pixels" in told and (tmp_path / "work" / "iter_1.pth").is_file()
    evaluate_and_draw(config, work, small, tmp_path)
