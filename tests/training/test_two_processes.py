"""Two processes resume exactly, too."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.device import get_device

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(get_device() != "cpu", reason="this machine has an accelerator")
def test_each_of_two_processes_sees_and_learns_the_same_after_a_kill(tmp_path: Path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               "-m", "tests.training.two_processes", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    for whole, resumed in ranks:
        assert resumed["seen"] == whole["seen"][4:]
        assert resumed["parameters"] == whole["parameters"]
    assert ranks[0][0]["seen"] != ranks[1][0]["seen"]
