"""A model of one weight on eight numbers, driven by the real tools."""
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MODEL = '''
import torch
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS


@MODELS.register_module()
class ToyModel(BaseModel):
    def __init__(self, width=1):
        super().__init__()
        self.line = torch.nn.Linear(1, width)

    def forward(self, x, mode="loss"):
        y = self.line(torch.stack(list(x)) if not isinstance(x, torch.Tensor) else x)
        return {"loss": y.square().mean()} if mode == "loss" else [{"y": value} for value in y]


@DATASETS.register_module()
class ToySet(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {"x": torch.ones(1) * index}
'''
CONFIG = '''
custom_imports = dict(imports=["toy_model"])
model = dict(type="ToyModel")
train_dataloader = dict(batch_size=2, dataset=dict(type="ToySet"),
                        sampler=dict(type="DefaultSampler", shuffle=True))
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.01))
train_cfg = dict(by_epoch=True, max_epochs=2)
test_dataloader = dict(batch_size=2, dataset=dict(type="ToySet"),
                       sampler=dict(type="DefaultSampler", shuffle=False))
test_cfg = dict()
test_evaluator = []
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with toy.py, a config that trains two epochs in no time; it is the working folder."""
    (tmp_path / "toy_model.py").write_text(MODEL)
    (tmp_path / "toy.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "toy.py"


@pytest.fixture
def tool(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run a tool as a user does: `tool("train.py", "toy.py", ...)`."""
    def run(name: str, *arguments: str) -> subprocess.CompletedProcess:
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        return subprocess.run([sys.executable, str(ROOT / "tools" / name), *arguments], cwd=tmp_path,
                              env=environment, capture_output=True, text=True, timeout=120)
    return run
