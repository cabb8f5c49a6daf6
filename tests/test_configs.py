"""Every config builds and runs one training and one test iteration, shrunken, on a tiny generated set."""
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

from clip_plugins.cli.config import load_config
from clip_plugins.cli.runner import build_runner
from clip_plugins.detection.launching import Processes
from clip_plugins.detection.precompute import precompute_proposals
from clip_plugins.proposals.cache import CacheRecipe
from tests.public_data import on_public_data, reads_public_data
from tests.public_groupvit import is_published_groupvit, on_small_groupvit

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.py") if "_base_" not in path.parts)
OV_SHAPES = "data/ov_shapes/"
LOOPS = ("clip_plugins.ResumableEpochLoop", "clip_plugins.ResumableIterLoop")
DATALOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


@pytest.fixture(scope="session")
def tiny_public_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where LVIS, COCO, VOC and Objects365 in miniature are made on first use."""
    return tmp_path_factory.mktemp("public")


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """The same nest of dicts and lists with every text changed."""
    if isinstance(value, dict):
        return {key: changed(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(changed(inner, change) for inner in value)
    return change(value) if isinstance(value, str) else value


def shrunken(config: Config, ov_shapes: Path, work_dir: Path) -> Config:
    """One iteration on two pictures, read from the tiny set, in this process."""
    content = changed(config.to_dict(), lambda text: text.replace(OV_SHAPES, f"{ov_shapes}/"))
    for encoder in of_type(content, "clip_plugins.OpenCLIP"):
        weights = str(encoder.get("pretrained"))
        if weights.endswith(".safetensors") and not Path(weights).is_file():
            encoder["pretrained"] = None  # weights of an earlier run that nobody has made here
    for leaf in (leaf for name in DATALOADERS for leaf in leaves((content.get(name) or {}).get("dataset"))):
        if leaf.get("data_root") != f"{ov_shapes}/":
            leaf["indices"] = 2
    small = Config(content, filename=config.filename)
    small.work_dir = str(work_dir)
    small.load_from, small.resume, small.launcher = None, False, "none"
    for name in DATALOADERS:
        if small.get(name):
            small[name].update(batch_size=2, num_workers=0, persistent_workers=False)
            for key in ("prefetch_factor", "pin_memory"):
                small[name].pop(key, None)
    if (small.get("train_cfg") or {}).get("type") in LOOPS:
        small.train_cfg = {"type": "clip_plugins.ResumableIterLoop", "max_iters": 1, "val_interval": 10**6}
    return small


def of_type(value: Any, kind: str) -> list[dict]:
    """Every dict of one `type` in a nest of dicts and lists."""
    if isinstance(value, dict):
        within = [found for inner in value.values() for found in of_type(inner, kind)]
        return [value, *within] if value.get("type") == kind else within
    return [found for inner in value for found in of_type(inner, kind)] if isinstance(value, list) else []


def leaves(dataset: dict | None) -> list[dict]:
    """The datasets inside of wrappers."""
    if not dataset:
        return []
    if "datasets" in dataset:
        return [leaf for inner in dataset["datasets"] for leaf in leaves(inner)]
    return leaves(dataset["dataset"]) if "dataset" in dataset else [dataset]


def give_proposals(config: Config, cache: Path) -> None:
    """Make the proposal cache that a config reads, of the annotated boxes, with the config's own encoder."""
    dataloaders = [config.get(name) for name in DATALOADERS]
    readers = of_type(dataloaders, "clip_plugins.LoadCachedProposals")
    if readers:
        whole = copy.deepcopy(config)
        dataset = leaves(whole.train_dataloader.dataset)[0]
        dataset.pop("indices", None)  # training filters before it takes the first ones, the cache doesn't
        boxes = str(Path(dataset.data_root) / dataset.ann_file)
        precompute_proposals(whole, None, cache, CacheRecipe(max_proposals=4), boxes=boxes,
                             processes=Processes(workers=0))
    for reader in readers:
        reader["cache"] = str(cache)


def absent_data(config: Config) -> str | None:
    """The first dataset folder of a config that doesn't exist here."""
    for name in DATALOADERS:
        for leaf in leaves((config.get(name) or {}).get("dataset")):
            root = leaf.get("data_root")
            if root and root != OV_SHAPES and not Path(root).is_dir():
                return root
    return None


@pytest.fixture
def in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Relative paths of configs mean the repository; global objects of earlier runs are gone."""
    monkeypatch.chdir(ROOT)
    # mmengine formats the config three times a run, which takes ten times as long as the two iterations
    monkeypatch.setattr(Config, "pretty_text", property(lambda config: str(config.to_dict())))
    for kind in (DefaultScope, MessageHub, MMLogger, Visualizer):
        kind._instance_dict.clear()
    return tmp_path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT / "configs")))
def test_config_trains_and_tests_one_iteration(path: Path, tiny_ov_shapes: Path, tiny_public_data: Path,
                                               in_own_folder: Path):
    config = load_config(path)
    if is_published_groupvit(config):
        config = on_small_groupvit(config, tiny_public_data)
    elif reads_public_data(config):
        config = on_public_data(config, tiny_public_data)
    missing = absent_data(config)
    if missing:
        pytest.skip(f"the dataset {missing} is absent")
    assert not is_distributed()
    small = shrunken(config, tiny_ov_shapes, in_own_folder)
    give_proposals(small, in_own_folder / "proposals")
    runner = build_runner(small)
    if config.get("train_cfg"):
        runner.train()
        assert runner.iter == 1
    if config.get("test_cfg") is not None:
        assert isinstance(runner.test(), dict)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT / "configs")))
def test_config_is_seeded_and_its_training_survives(path: Path):
    config = load_config(path)
    assert config.randomness.seed is not None
    if config.get("runner_type") == "clip_plugins.SketchRunner":
        return  # neither loop nor checkpoints; tests/sketch/test_runner.py interrupts and resumes it
    assert config.default_hooks.checkpoint.type == "clip_plugins.DurableCheckpointHook"
    assert config.default_hooks.nan_loss.type == "clip_plugins.StopOnNaNHook"
    if config.get("train_cfg") and "runner_type" not in config:
        assert config.train_cfg.type in LOOPS, "mmengine's own loops go on with other chance"


def test_there_are_configs():
    assert CONFIGS
