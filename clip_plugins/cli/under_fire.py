"""Trainings killed by SIGKILL at random moments: what is left of them, and what they end with."""
import multiprocessing
import os
import random
import signal
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner, find_latest_checkpoint
from torch.utils.data import Dataset

from clip_plugins.cli.config import load_config
from clip_plugins.cli.runner import build_runner
from clip_plugins.compat import load_checkpoint
from clip_plugins.errors import CheckpointError, DataError

FORK = multiprocessing.get_context("fork")  # a new interpreter would take longer to start than a run lives
OV_SHAPES = "data/ov_shapes/"  # as the configs name it
STEP, SAVING = "step", "saving"


class _Announce(Hook):
    """Tells the process that will kill this one where the training is."""

    priority = "LOW"  # the checkpoint hook's is VERY_LOW

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """A step begins."""
        self.connection.send((STEP, runner.iter))

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Where a checkpoint is due it is written next."""
        self.connection.send((SAVING, runner.iter))


def small_config(path: str | Path, data: str | Path, steps: int) -> Config:
    """A config of ov_shapes, made small: batches of 4 from two workers, a checkpoint every 3 steps.

    Args:
        path: the config, whose training loop counts iterations.
        data: folder of the small set that takes ov_shapes' place.
        steps: of the training; half-way it validates.
    """
    config = Config(_changed(load_config(path).to_dict(), OV_SHAPES, f"{data}/"))
    config.load_from = None
    config.train_dataloader.update(batch_size=4, num_workers=2)
    config.val_dataloader.update(batch_size=4, num_workers=0, persistent_workers=False)
    config.train_cfg.update(max_iters=steps, val_interval=steps // 2)
    config.default_hooks.checkpoint.update(by_epoch=False, interval=3)
    return config


def _changed(value: Any, old: str, new: str) -> Any:
    """The same nest of dicts and lists with a part of every text replaced."""
    if isinstance(value, dict):
        return {key: _changed(inner, old, new) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_changed(inner, old, new) for inner in value)
    return value.replace(old, new) if isinstance(value, str) else value


def _train(config: Config, folder: Path, connection: Connection) -> None:
    """Train in `folder`, from its newest checkpoint where there is one; for a process of its own."""
    torch.set_num_threads(1)
    config.work_dir, config.log_level = str(folder), "ERROR"
    config.load_from = find_latest_checkpoint(str(folder))
    config.resume = config.load_from is not None
    runner = build_runner(config)
    runner.register_hook(_Announce(connection))
    runner.train()


def resumed_row(name: str, config: Config, folder: Path, kills: int, seed: int = 0) -> dict[str, Any]:
    """Train once as a whole and once with kills at random moments, each time resumed; compare the weights.

    Args:
        name: of the row.
        config: of the training.
        folder: for both runs; what is there stays and is gone on from.
        kills: how often the second run is killed.
        seed: of the moments.
    Returns:
        steps at which it was killed, tensors, unequal tensors, largest difference.
    Raises:
        DataError: a run failed.
    """
    chance = random.Random(seed)
    last, seconds_a_step = _finish(config, folder / "whole")
    killed = []
    for _ in range(kills):
        # every kill falls into what the former ones left to do
        step = chance.randint(max(killed, default=0), last)
        killed.append(_kill_at(config, folder / "killed", step, chance.random() * seconds_a_step))
    _finish(config, folder / "killed")
    whole, resumed = (load_checkpoint(find_latest_checkpoint(str(folder / part)))["state_dict"]
                      for part in ("whole", "killed"))
    unequal = [key for key in whole if not torch.equal(whole[key], resumed[key])]
    difference = max((float((whole[key].double() - resumed[key].double()).abs().max()) for key in unequal),
                     default=0.0)
    return {"what": name, "kills": kills, "killed_in_steps": killed, "steps": last + 1,
            "tensors": len(whole), "unequal_tensors": len(unequal), "largest_difference": difference}


def _start(target: Callable, *arguments: Any) -> tuple[Any, Connection]:
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=target, args=(*arguments, theirs))
    process.start()
    theirs.close()
    return process, ours


def _finish(config: Config, folder: Path) -> tuple[int, float]:
    """Train to the end: number of the last step, median seconds a step."""
    process, connection = _start(_train, config, folder)
    times, last = [], 0
    try:
        while True:
            last = _wait(connection, STEP)
            times.append(time.monotonic())
    except EOFError:
        process.join()
    if process.exitcode != 0:
        raise DataError(f"a training in {folder} ended with exit code {process.exitcode}; see its log there")
    return last, statistics.median([b - a for a, b in pairwise(times)] or [0.0])


def _kill_at(config: Config, folder: Path, step: int, delay: float) -> int:
    """SIGKILL some seconds after a step began; gives the step that was the last one seen."""
    process, connection = _start(_train, config, folder)
    seen = -1
    try:
        while seen < step:
            seen = _wait(connection, STEP)
    except EOFError as error:
        process.join()
        raise DataError(f"a training in {folder} ended before step {step}, exit code {process.exitcode}; "
                        "see its log there") from error
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return seen


class _Numbers(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"x": torch.ones(1)}


class _Large(BaseModel):
    """Weights of a given size, of which a step changes all."""

    def __init__(self, megabytes: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(int(megabytes * 2**18)))

    def forward(self, x: list[torch.Tensor], mode: str = "loss") -> dict[str, torch.Tensor]:
        """A loss with a gradient for every weight."""
        return {"loss": self.weight.sum() * x[0].mean()}


def _write_on(folder: Path, hook: str, megabytes: float, connection: Connection) -> None:
    """Write a checkpoint a step, for ever, keeping one; for a process of its own."""
    torch.set_num_threads(1)
    newest = find_latest_checkpoint(str(folder))
    runner = Runner(
        model=_Large(megabytes), work_dir=str(folder), randomness={"seed": 0}, log_level="ERROR",
        train_dataloader={"dataset": _Numbers(), "batch_size": 1,
                          "sampler": {"type": "InfiniteSampler", "seed": 0}},
        train_cfg={"type": "clip_plugins.ResumableIterLoop", "max_iters": 10**6},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 1e-3}},
        default_hooks={"logger": None, "checkpoint": {
            "type": hook, "by_epoch": False, "interval": 1, "max_keep_ckpts": 1}},
        load_from=newest, resume=newest is not None)
    runner.register_hook(_Announce(connection))
    runner.train()


def written_row(name: str, hook: str, folder: Path, kills: int = 20, megabytes: float = 16.0,
                seed: int = 0) -> dict[str, Any]:
    """Kill a training while it writes a checkpoint, at random moments of the writing, and resume it.

    Args:
        name: of the row.
        hook: type of the checkpoint hook, which keeps one checkpoint.
        folder: where it writes.
        kills: how often.
        megabytes: of weights in a checkpoint.
        seed: of the moments.
    Returns:
        kills; how many of them left no whole checkpoint, or none that `last_checkpoint` names; how many left
        a half-written file; seconds that a checkpoint takes.
    """
    chance, lost, halves, seconds = random.Random(seed), 0, 0, 0.0
    for number in range(kills):
        place = folder / str(number)
        process, connection = _start(_write_on, place, hook, megabytes)
        # the first checkpoints show how long one takes; the kill falls anywhere into a later one
        began = []
        for _ in range(4):
            _wait(connection, SAVING)
            began.append(time.monotonic())
        seconds = statistics.median([b - a for a, b in pairwise(began)])
        time.sleep(chance.random() * seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        lost += not newest_is_whole(place)
        halves += any(place.glob(".*.tmp")) or any(not _is_whole(path) for path in place.glob("*.pth"))
    return {"what": name, "kills": kills, "without_whole_checkpoint": lost, "half_written_files": halves,
            "seconds_a_checkpoint": round(seconds, 3)}


def _wait(connection: Connection, what: str) -> int:
    """The number of the step in which the other process says so.

    Raises:
        EOFError: it has ended.
    """
    while True:
        said, number = connection.recv()
        if said == what:
            return number


def newest_is_whole(folder: Path) -> bool:
    """Whether `last_checkpoint` names a checkpoint that can be read."""
    newest = find_latest_checkpoint(str(folder))
    return bool(newest) and _is_whole(Path(newest))


def _is_whole(path: Path) -> bool:
    try:
        load_checkpoint(path)
    except CheckpointError:
        return False
    return True
