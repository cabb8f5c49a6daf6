"""A training of seconds through mmengine's Runner; run by torchrun it writes what each process ended with."""
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

import clip_plugins  # noqa: F401


class Line(Dataset):
    """Points of y = 2x."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor([float(index)]), torch.tensor([2.0 * index])


class Slope(BaseModel):
    """One weight, fitted by least squares."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def forward(self, x, y, mode="loss"):
        x, y = torch.stack(list(x)), torch.stack(list(y))
        self.seen += x.flatten().tolist()
        return {"loss": ((self.weight * x - y) ** 2).mean()}


def build_runner(work_dir, launcher="none", **changes):
    """A Runner of two epochs over the line, batch 2 a process."""
    config = Config({
        "work_dir": str(work_dir), "launcher": launcher, "randomness": {"seed": 0},
        "train_cfg": {"by_epoch": True, "max_epochs": 2},
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.01}},
        "default_hooks": {"checkpoint": {"type": "CheckpointHook", "interval": 1},
                          "logger": {"type": "LoggerHook", "interval": 1}},
        "log_level": "ERROR", **changes,
    })
    loader = {"dataset": Line(), "batch_size": 2, "sampler": {"type": "DefaultSampler", "shuffle": True}}
    return Runner(model=Slope(), train_dataloader=loader, cfg=config, experiment_name=Path(work_dir).name,
                  **{key: config[key] for key in config if key != "randomness"}, randomness={"seed": 0})


def main():
    """Train under torchrun and write `rank<N>.pth`."""
    folder = Path(sys.argv[1])
    runner = build_runner(folder / "work", "pytorch")
    runner.train()
    model = runner.model.module
    torch.save({"wrapper": type(runner.model).__name__, "world_size": runner.world_size,
                "weight": model.weight.detach(), "seen": model.seen}, folder / f"rank{get_rank()}.pth")


if __name__ == "__main__":
    main()
