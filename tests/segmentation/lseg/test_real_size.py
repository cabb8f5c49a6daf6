"""The paper's configs train and test one step, slim, on public sets in miniature."""
from pathlib import Path

import pytest

pytest.importorskip("mmseg")

from clip_plugins.cli.config import load_config
from clip_plugins.cli.runner import build_runner
from clip_plugins.datasets.segmentation import UnionSegDataset
from tests.segmentation.lseg.public_masks import make_public_masks, on_public_masks
from tests.test_configs import in_own_folder, shrunken  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]
PAPER = sorted(path for path in (ROOT / "configs" / "lseg").glob("*.py")
               if any(tower in path.stem for tower in ("vit-l-16", "vit-b-32", "vit-b-16", "r101")))


@pytest.fixture(scope="module")
def public_masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("public_masks")
    make_public_masks(root)
    return root


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_config_trains_and_tests_one_iteration(path, public_masks, tiny_ov_shapes, in_own_folder):  # noqa: F811
    config = on_public_masks(load_config(path), public_masks)
    small = shrunken(config, tiny_ov_shapes, in_own_folder)
    small.default_hooks.checkpoint.save_last = False
    runner = build_runner(small)
    runner.train()
    figures = runner.test()
    assert {"seg/miou", "few_shot/miou"} & set(figures)


def test_the_union_names_each_name_once_and_ignores_above_255(public_masks):
    config = on_public_masks(load_config(ROOT / "configs/lseg/lseg_vit-l-16_480x480_union.py"), public_masks)
    from mmengine.registry import init_default_scope
    init_default_scope("mmseg")
    union = UnionSegDataset(config.train_dataloader.dataset.datasets)
    names = union.metainfo["classes"]
    assert len(names) == len(set(names)) > 255 and names[:2] == ("wall", "building")
    labels = {int(label) for item in union for label in item["data_samples"].gt_sem_seg.data.unique()}
    assert labels - {65535} <= set(range(len(names)))
    assert max(labels - {65535}) >= 150  # of the second dataset, too


def test_there_are_such_configs():
    assert len(PAPER) >= 14
