"""Shared fixtures: where the real data lies; caches that don't touch the user's home."""
import os
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

SIZES = {"train": 6, "captions": 12, "val": 2, "test": 2, "drawings": 4}
SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure() -> None:
    """Processes of pytest-xdist share the cores, and so do the commands that their tests start."""
    threads = max(torch.get_num_threads() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), 1)
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with parity fixtures and real photographs; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared data folder is absent (looked for {SHARED.name}/ beside the project)")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Text embeddings made by tests go to a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIP_PLUGINS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_ov_shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ov_shapes with a handful of pictures, made once."""
    from clip_plugins.datasets.ov_shapes import build_ov_shapes
    root = tmp_path_factory.mktemp("ov_shapes")
    build_ov_shapes(root, SIZES, workers=0, progress=False)
    return root


@pytest.fixture(scope="module")
def one_thread():
    """For tests that fork: a child waits for ever for threads of its parent, which it doesn't have."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def independent_file():
    """A file's random weights, and the encoders that it shares, don't depend on the files before it."""
    from clip_plugins.encoders import clear_shared_encoders
    clear_shared_encoders()
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_scope_left():
    """A default scope that one test sets isn't the next one's."""
    yield
    DefaultScope._instance_dict.clear()
