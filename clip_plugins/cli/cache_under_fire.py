"""What `tools/experiments/cache_under_fire.py` does to a cache: kills, shares, flips bits, fills disks."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from clip_plugins.cli.config import load_config
from clip_plugins.detection.launching import Processes
from clip_plugins.detection.precompute import precompute_proposals
from clip_plugins.errors import ClipPluginsError, DataError
from clip_plugins.files import read_json, write_json
from clip_plugins.proposals.cache import CacheRecipe
from clip_plugins.store import Store, environments

Contents = dict[bytes, bytes]
_EMPTY_BYTES = 128 << 10  # more than a cache without entries takes


@dataclass
class Row:
    """One trial: what was done how often, and every defect that it brought to light."""

    what: str
    done: int = 0
    defects: list[str] = field(default_factory=list)
    notes: dict[str, int | float | str] = field(default_factory=dict)
    seconds: float = 0.0

    def must(self, holds: bool, defect: str) -> None:
        """Note a defect unless something holds."""
        if not holds:
            self.defects.append(defect)


@dataclass(frozen=True)
class Job:
    """A pre-computation that is small enough to be run hundreds of times.

    Args:
        config, checkpoint: of the detector, whose weights are random.
        folder: of everything that is made.
        recipe: of the cache.
    """

    config: Config
    checkpoint: Path
    folder: Path
    recipe: CacheRecipe

    def run(self, out: Path, processes: Processes = Processes(workers=0)) -> None:  # noqa: B008  (frozen)
        """Make or finish a cache of the validation images."""
        checkpoint = str(self.checkpoint)
        precompute_proposals(self.config, checkpoint, out, self.recipe, split="val", processes=processes)

    def fresh(self, name: str) -> Path:
        """Folder of a cache that isn't there."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path


def prepare_job(config: str, folder: Path, images: int, recipe: CacheRecipe) -> Job:
    """The first images of a config's validation set, and its detector with random weights.

    Raises:
        DataError: the validation set isn't there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cfg = load_config(config)
    dataset = cfg.val_dataloader.dataset
    content = read_json(Path(dataset.data_root) / dataset.ann_file)
    if len(content["images"]) < images:
        raise DataError(f"{dataset.ann_file} has only {len(content['images'])} images; ask for fewer.")
    content["images"] = content["images"][:images]
    kept = {image["id"] for image in content["images"]}
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] in kept]
    write_json(folder / "images.json", content)
    dataset.ann_file = str((folder / "images.json").resolve())
    torch.manual_seed(0)
    init_default_scope("mmdet")
    torch.save({"state_dict": MODELS.build(cfg.model).state_dict()}, folder / "detector.pth")
    return Job(cfg, folder / "detector.pth", folder, recipe)


def contents(path: Path) -> Contents:
    """Keys and values of a cache as they lie on disk."""
    return dict(Store(path).encoded())


def kill(job: Job, whole: Contents, kills: int, seconds: float, generator: np.random.Generator) -> Row:
    """Kill the job at random moments, start it again until it is done, and compare; so often."""
    row = Row(f"killed at {kills} random moments and resumed")
    caches, begun = 0, 0
    while row.done < kills:
        path, is_done, caches = job.fresh("killed"), False, caches + 1
        while not is_done:
            child = fork(lambda path=path: job.run(path))
            # Past the last kill the job is left alone.
            is_done = _wait(child, generator.uniform(0, seconds) if row.done < kills else 600)
            row.done += not is_done
            if not is_done and (path / "manifest.json").exists() and (path / environments.DATA).exists():
                begun += bool(len(Store(path)))
                row.must(Store(path).verify() == [], f"cache {caches} is damaged after kill {row.done}")
        row.must(contents(path) == whole, f"cache {caches} differs from the uninterrupted run's")
        row.must(Store(path).is_complete, f"cache {caches} isn't complete")
    row.notes = {"caches": caches, "killed_with_entries": begun}
    return row


def share(job: Job, whole: Contents, ranks: int) -> Row:
    """Fill one cache by several processes, sealed and absorbed."""
    row = Row(f"{ranks} processes against 1")
    for keep_shards in (False, True):
        path = job.fresh(f"shared_{ranks}")
        codes = [wait_code(child) for child in _ranks(job, path, ranks, keep_shards)]
        row.must(codes == [0] * ranks, f"ranks ended with {codes}: {_last_words(job)}")
        row.must(contents(path) == whole, f"content differs (keep_shards={keep_shards})")
        row.must(Store(path).is_complete and Store(path).verify() == [], "the cache isn't whole")
        row.done += 1
    return row


def kill_ranks(job: Job, whole: Contents, kills: int, seconds: float, generator: np.random.Generator) -> Row:
    """Kill one of two ranks at a random moment, then the other as torchrun would; resume with 1 to 4."""
    row = Row(f"2 processes, one killed at {kills} random moments; resumed by 1 to 4")
    while row.done < kills:
        path = job.fresh("ranks_killed")
        children = _ranks(job, path, 2, keep_shards=False)
        if _wait(children[row.done % 2], generator.uniform(0, seconds)):
            wait_code(children[1 - row.done % 2])
            continue  # done before it could be killed
        os.kill(children[1 - row.done % 2], signal.SIGKILL)
        wait_code(children[1 - row.done % 2])
        ranks = 1 + row.done % 4
        codes = [wait_code(child) for child in _ranks(job, path, ranks, keep_shards=False)]
        row.done += 1
        told = f"{ranks} ranks ended with {codes} after kill {row.done}: {_last_words(job)}"
        row.must(codes == [0] * ranks, told)
        row.must(contents(path) == whole, f"after kill {row.done} the content differs")
    return row


def fill_disk(job: Job, whole: Contents) -> Row:
    """Make the cache on a disk half its size, then on the same disk enlarged."""
    row = Row("a full disk")
    size = sum(map(len, whole.values()))
    with _small_disk(_EMPTY_BYTES + size // 2) as place:
        if place is None:
            row.notes = {"skipped": "a small file system can't be mounted here"}
            return row
        path = place / "cache"
        try:
            job.run(path)
            row.defects.append("the disk didn't fill")
        except ClipPluginsError as error:
            row.notes = {"told": str(error).replace(str(path), "CACHE")}
        kept = contents(path)
        row.notes["kept"] = len(kept)
        row.must(bool(kept) and kept.items() <= whole.items(), "finished entries are lost or changed")
        row.must(Store(path).verify() == [], "the unfinished cache is damaged")
        subprocess.run(["mount", "-o", f"remount,size={_EMPTY_BYTES + 8 * size}", str(place)], check=True)
        job.run(path)
        row.must(contents(path) == whole and Store(path).is_complete, "it can't be finished")
        row.done = 1
        environments.close(path.resolve())
    return row


@contextmanager
def _small_disk(size: int) -> Iterator[Path | None]:
    place = Path(tempfile.mkdtemp())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        place.rmdir()
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
        place.rmdir()


def _ranks(job: Job, path: Path, ranks: int, keep_shards: bool) -> list[int]:
    """Processes that meet as torchrun's do."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    launcher = "pytorch" if ranks > 1 else "none"
    processes = Processes(launcher, 0, keep_shards=keep_shards and ranks > 1)

    def run(rank: int) -> None:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(ranks),
                          MASTER_ADDR="localhost", MASTER_PORT=str(port))  # fmt: skip
        job.run(path, processes)

    return [fork(lambda rank=rank: run(rank), job.folder / f"rank_{rank}.log") for rank in range(ranks)]


def _last_words(job: Job) -> str:
    lines = (job.folder / "rank_0.log").read_text(encoding="utf-8").strip().splitlines()
    return lines[-1] if lines else ""


def fork(work: Callable[[], int | None], log: str | Path = os.devnull) -> int:
    """A process that does the work; its exit code is the work's, or 9 after an error that the log tells."""
    child = os.fork()
    if child:
        return child
    code = 9
    try:
        told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(told, 1)
        os.dup2(told, 2)
        code = work() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, seconds: float) -> bool:
    """Whether the child ended by itself within the time; else it is killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if os.waitstatus_to_exitcode(status):
                raise DataError("the job failed by itself; run tools/precompute_proposals.py to see why.")
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return wait_code(child) == 0


def wait_code(child: int) -> int:
    """Exit code of a process, minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
