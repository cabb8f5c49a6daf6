"""Several processes on one job: who they are, and what the first does for all."""
from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from mmengine.dist import broadcast_object_list, get_rank, get_world_size, init_dist, is_distributed

from clip_plugins.errors import CacheError, ClipPluginsError, ConfigError

LAUNCHERS = ("none", "pytorch", "slurm", "mpi", "ray")
_STARTED_BY = {"pytorch": ("RANK", "torchrun"), "slurm": ("SLURM_PROCID", "srun"),
               "mpi": ("OMPI_COMM_WORLD_LOCAL_RANK", "mpirun")}  # fmt: skip
_PATIENCE = 30 * 24 * 3600  # seconds; the fastest process waits for the slowest, however long that takes


@dataclass(frozen=True)
class Processes:
    """Who shares the work of a job.

    Args:
        launcher: 'none' (this process alone), 'pytorch', 'slurm', 'mpi' (a process a rank), or 'ray'.
        workers: processes that decode images for each; with 'ray' the number of actors.
        part: (k, n): only the k-th of n parts (from 1), for jobs that know nothing of each other.
        keep_shards: leave the ranks' shards where they are, to be read as one.

    Raises:
        ConfigError: a value out of range.
    """

    launcher: str = "none"
    workers: int = 2
    part: tuple[int, int] | None = None
    keep_shards: bool = False

    def __post_init__(self) -> None:
        if self.launcher not in LAUNCHERS:
            raise ConfigError(f"launcher {self.launcher!r} is unknown; choose one of {LAUNCHERS}.")
        if self.part is not None and not 1 <= self.part[0] <= self.part[1]:
            raise ConfigError(f"part {self.part[0]}/{self.part[1]} doesn't exist; count from 1/N to N/N.")
        if self.part is not None and self.launcher != "none":
            raise ConfigError("--part is for jobs apart; leave it out where --launcher shares the work.")
        if self.keep_shards and self.launcher in ("none", "ray"):
            raise ConfigError(f"--launcher {self.launcher} makes no shards; leave --keep-shards out.")


def join(launcher: str) -> tuple[int, int]:
    """Meet the other processes; rank and number of processes.

    Args:
        launcher: see `Processes`; 'none' and 'ray' meet nobody.

    Raises:
        ConfigError: the process wasn't started by the launcher.
    """
    if launcher in _STARTED_BY and not is_distributed():
        variable, command = _STARTED_BY[launcher]
        if variable not in os.environ:
            raise ConfigError(f"--launcher {launcher} was not started by {command}; start it so.")
        init_dist(launcher, backend="gloo", timeout=_PATIENCE)
    return get_rank(), get_world_size()


def first_does(work: Callable[[], None]) -> None:
    """Work of the first process, for which all wait; if it fails, each one says why.

    Raises:
        ClipPluginsError: of the first process.
    """
    told: list[str | None] = [None]
    if get_rank() == 0:
        try:
            work()
        except ClipPluginsError as error:
            if get_world_size() == 1:
                raise
            told = [str(error)]
    broadcast_object_list(told)
    if told[0] is not None:
        raise CacheError(told[0])
