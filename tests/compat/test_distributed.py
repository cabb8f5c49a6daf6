import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.device import get_device

from clip_plugins.compat import distributed

SCRIPT = Path(__file__).with_name("toy_training.py")

needs_cpu = pytest.mark.skipif(get_device() != "cpu", reason="this machine has an accelerator")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of two processes ended with, trained by torchrun with mmengine's default backend."""
    folder = tmp_path_factory.mktemp("torchrun")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               str(SCRIPT), str(folder)]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank{rank}.pth", weights_only=True) for rank in (0, 1)]


@needs_cpu
def test_two_processes_train_one_model(ranks):
    assert [rank["world_size"] for rank in ranks] == [2, 2]
    assert [rank["wrapper"] for rank in ranks] == ["MMDistributedDataParallel"] * 2
    assert ranks[0]["weight"] != 0
    torch.testing.assert_close(ranks[0]["weight"], ranks[1]["weight"], rtol=0, atol=0)


@needs_cpu
def test_every_sample_is_seen_once_an_epoch_by_one_of_them(ranks):
    for epoch in (slice(0, 4), slice(4, 8)):
        assert sorted(ranks[0]["seen"][epoch] + ranks[1]["seen"][epoch]) == [float(x) for x in range(8)]


@needs_cpu
def test_a_process_leaves_its_group_before_it_ends(tmp_path):
    """A handler registered before the group's runs after it."""
    code = ("import atexit, torch.distributed as dist; import clip_plugins;"
            "from mmengine.dist import init_dist;"
            "atexit.register(lambda: print('left', not dist.is_initialized()));"
            "init_dist('pytorch'); assert dist.is_initialized()")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1",
               "--no-python", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert "left True" in done.stdout, done.stderr[-3000:]


def test_a_users_wrapper_keeps_its_settings_but_the_device():
    config = {"type": "MMSeparateDistributedDataParallel", "find_unused_parameters": True, "device_ids": [0]}
    assert distributed._cpu_wrapper(config, False) == config | {"device_ids": None}
    assert distributed._cpu_wrapper(None, True)["find_unused_parameters"] is True


def test_machines_with_an_accelerator_use_mmengines_own_start(monkeypatch):
    from mmengine.dist import utils
    called = []
    monkeypatch.setattr(utils, "_init_dist_pytorch", lambda backend, **given: called.append((backend, given)))
    distributed.start_processes_without_gpu()
    monkeypatch.setattr(distributed, "get_device", lambda: "cuda")
    utils._init_dist_pytorch("nccl", timeout=1)
    assert called == [("nccl", {"init_backend": "torch", "timeout": 1})]
