"""Killing actors of a local Ray while they fill a cache."""
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from clip_plugins.cli.cache_under_fire import Contents, Job, Row, contents
from clip_plugins.detection.launching import Processes
from clip_plugins.errors import ConfigError
from clip_plugins.store import Store

_WAIT_SECONDS = 300  # for an actor to live; importing everything takes a while on a busy machine


def kill_actors(job: Job, whole: Contents, kills: int, generator: np.random.Generator) -> Row:
    """Fill caches by two actors, of which one at random dies at a random moment, until so many have died.

    Raises:
        ConfigError: Ray isn't installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError("killing actors needs Ray; pip install 'clip_plugins[ray]'.") from error
    row = Row(f"2 actors of Ray, one killed at {kills} random moments")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        while row.done < kills:
            path = job.fresh("actors_killed")
            with Killer(generator, kills - row.done) as killer:
                job.run(path, Processes("ray", workers=2))
            row.done += killer.killed
            row.must(contents(path) == whole, f"the content differs after {row.done} kills")
            row.must(Store(path).is_complete and Store(path).verify() == [], "the cache isn't whole")
    finally:
        ray.shutdown()
    return row


class Killer:
    """While the block lasts, kills a random actor that holds models, at random moments.

    Args:
        generator: of moments and victims.
        most: kills.
    """

    def __init__(self, generator: np.random.Generator, most: int) -> None:
        self.killed = 0
        self._generator, self._most = generator, most
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _work(self) -> None:
        while self.killed < self._most and _until(lambda: self._is_over.is_set() or actor_processes()):
            if self._is_over.wait(self._generator.uniform(0, 8)):
                return
            alive = actor_processes()
            if alive:
                os.kill(int(self._generator.choice(alive)), signal.SIGKILL)
                self.killed += 1


def actor_processes() -> list[int]:
    """Process numbers of the actors of a Ray that this process started (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
            raylet = _parent(folder)
            is_ours = title.startswith(b"ray::") and b"MapWorker" in title and _parent(raylet) == _own()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        if is_ours:
            found.append(int(folder.name))
    return found


def _own() -> Path:
    return Path("/proc") / str(os.getpid())


def _parent(process: Path) -> Path:
    status = (process / "status").read_text(encoding="utf-8")
    return Path("/proc") / status.partition("\nPPid:")[2].split()[0]


def _until(holds: Callable[[], object]) -> bool:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False
