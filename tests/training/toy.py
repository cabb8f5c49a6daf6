"""A training of milliseconds in which everything draws: samples, the model, the order."""
import random

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch.utils.data import Dataset

import clip_plugins  # noqa: F401

LENGTH = 11


class Killed(Exception):
    """What stands for the kill of a run in this process."""


class KillBeforeStep(Hook):
    """Ends a run in the middle of a step (from 0)."""

    priority = "LOWEST"

    def __init__(self, step: int):
        self.step = step

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.step:
            raise Killed


class Noisy(Dataset):
    """Eleven numbers, each with chance from all three libraries."""

    metainfo = {"classes": ("number",)}

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        chance = random.random() + np.random.rand() + torch.rand(1).item()
        return {"x": torch.tensor([index + chance])}

    def get_data_info(self, index):
        return {"img_id": 100 + index}


class NoisyModel(BaseModel):
    """One weight; remembers what it saw."""

    def __init__(self, poison: int | None = None):
        super().__init__()
        self.line = torch.nn.Linear(1, 1)
        self.norm = torch.nn.BatchNorm1d(1)
        self.seen, self.poison = [], poison

    def forward(self, x, mode="loss"):
        x = torch.stack(list(x))
        if mode != "loss":
            return list(self.line(x))
        self.seen.append(x.flatten().tolist())
        noisy = x + torch.rand(len(x), 1) + random.random() + np.random.rand()
        loss = self.line(self.norm(noisy)).square().mean()
        if self.poison is not None and len(self.seen) == self.poison:
            loss = loss * float("nan")
        return {"loss": loss, "other": noisy.mean().detach()}


def forget_runs() -> None:
    """mmengine names its global objects by the second; runs of one second would share them."""
    for kind in (DefaultScope, MessageHub, MMLogger, Visualizer):
        kind._instance_dict.clear()


def build_runner(folder, *, loop=None, hook=None, workers=0, model=None, **changes) -> Runner:
    """A Runner over `Noisy`, batches of 3 (the last one of 2), checkpoints every 2 steps."""
    forget_runs()
    settings = {
        "work_dir": str(folder), "randomness": {"seed": 0}, "log_level": "ERROR",
        "train_cfg": loop or {"type": "clip_plugins.ResumableIterLoop", "max_iters": 9},
        "optim_wrapper": {"optimizer": {"type": "Adam", "lr": 0.01}},
        "param_scheduler": [{"type": "CosineAnnealingLR", "by_epoch": False, "T_max": 9}],
        "default_hooks": {
            "checkpoint": {"type": "clip_plugins.DurableCheckpointHook", "by_epoch": False, "interval": 2,
                           **(hook or {})},
            "nan_loss": {"type": "clip_plugins.StopOnNaNHook"}},
        **changes,
    }
    loader = {"dataset": Noisy(), "batch_size": 3, "num_workers": workers,
              "persistent_workers": workers > 0, "sampler": {"type": "DefaultSampler", "shuffle": True}}
    torch.manual_seed(0)
    plain = {key: value for key, value in settings.items() if not key.startswith("val_")}
    return Runner(model=model or NoisyModel(), train_dataloader=loader, cfg=Config(plain), **settings)


def weights(runner: Runner) -> dict[str, torch.Tensor]:
    """A copy of everything that the model learned."""
    return {name: tensor.clone() for name, tensor in runner.model.state_dict().items()}


def kill(runner: Runner, step: int) -> None:
    """Train until the beginning of a step (from 0)."""
    runner.register_hook(KillBeforeStep(step))
    try:
        runner.train()
    except Killed:
        return
    raise RuntimeError(f"the run ended before step {step}")
