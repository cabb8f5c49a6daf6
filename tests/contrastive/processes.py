"""Runs a function in several gloo processes and hands back what each returned."""
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def _worker(rank: int, world_size: int, folder: str, function: Callable, arguments: tuple) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world_size)
    torch.save(function(rank, world_size, *arguments), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def run_processes(function: Callable, world_size: int, *arguments: object) -> list:
    """Call `function(rank, world_size, *arguments)` in each process; results by rank."""
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_worker, args=(world_size, folder, function, arguments), nprocs=world_size)
        return [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(world_size)]
