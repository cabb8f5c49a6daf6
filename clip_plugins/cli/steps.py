"""A job as a chain of commands: each runs once, and again when its command or its inputs change."""
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from clip_plugins.errors import ClipPluginsError
from clip_plugins.files import write_atomically

PROGRESS = re.compile(r"(Iter|Epoch)\((train|val|test)\).*?time: [\d.]+")
TRAININGS = 2  # at a time: a step of a small detector takes .58 s on one core and still .50 s on two


class StepError(ClipPluginsError):
    """A command of the chain failed; what came before it is kept."""


@dataclass(frozen=True)
class Step:
    """One command line of this project and the files that it leaves.

    Args:
        name: What is done, as shown to the user; unique in a chain.
        command: Arguments after the Python interpreter, the tool first.
        outputs: Files or folders that exist when it is done.
        inputs: Files whose content decides whether it must run again; outputs of earlier steps, too.
        is_alone: Has the machine to itself; others share it where they don't wait for each other.
    """

    name: str
    command: tuple[str, ...]
    outputs: tuple[Path, ...]
    inputs: tuple[Path, ...] = field(default=())
    is_alone: bool = True

    def key(self) -> str:
        """Digest of the command and of its inputs' content."""
        digest = hashlib.sha256(shlex.join(self.command).encode())
        for path in self.inputs:
            digest.update(_content_key(path).encode())
        return digest.hexdigest()


class Chain:
    """Runs steps in order and remembers under `folder/steps/` which are done and how long they took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "steps"
        self.records.mkdir(parents=True, exist_ok=True)

    def run(self, steps: Sequence[Step], workers: int = 1) -> None:
        """Run what isn't done yet, each step after those whose outputs it reads.

        Args:
            steps: in an order in which they could run one by one.
            workers: steps that may run at a time, if there are cores; each then gets its share of them.
        Raises:
            StepError: a command failed; names it and its log file. Steps that run beside it end first.
        """
        workers = min(workers, cores())
        waiting, running = list(steps), {}
        with ThreadPoolExecutor(workers) as pool:
            while waiting or running:
                for step in _startable(waiting, list(running.values()), workers):
                    waiting.remove(step)
                    threads = cores() if step.is_alone else max(cores() // workers, 1)
                    place = f"[{steps.index(step) + 1}/{len(steps)}]"
                    running[pool.submit(self._run, step, place, threads)] = step
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    running.pop(future)
                    future.result()

    def _run(self, step: Step, place: str, threads: int) -> None:
        if self.is_done(step):
            _say(f"{place} {step.name}: done before")
            return
        _say(f"{place} {step.name}\n    python {shlex.join(step.command)}")
        started = time.time()
        self._execute(step, threads)
        ended = time.time()
        record = {"key": step.key(), "started": started, "ended": ended, "command": list(step.command)}
        write_atomically(self._record(step), json.dumps(record).encode())
        _say(f"{place} {step.name}: {ended - started:.0f} s")

    def is_done(self, step: Step) -> bool:
        """Whether the same command has left its files, with the same inputs."""
        record = self._record(step)
        if not record.is_file() or not all(path.exists() for path in (*step.outputs, *step.inputs)):
            return False
        return json.loads(record.read_text())["key"] == step.key()

    def seconds(self, steps: Sequence[Step]) -> float:
        """Time in which at least one of the steps ran, in seconds: side by side counts once."""
        records = [json.loads(self._record(step).read_text()) for step in steps]
        total, until = 0.0, 0.0
        for started, ended in sorted((record["started"], record["ended"]) for record in records):
            total += max(ended - max(started, until), 0.0)
            until = max(until, ended)
        return total

    def _record(self, step: Step) -> Path:
        return self.records / f"{step.name.replace(' ', '_').replace('/', '_')}.json"

    def _execute(self, step: Step, threads: int) -> None:
        log = self._record(step).with_suffix(".log")
        # stderr carries progress bars and passes through; of stdout, the log, only its progress is shown.
        with log.open("w", buffering=1) as stream, subprocess.Popen(
                [sys.executable, *step.command], stdout=subprocess.PIPE, text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)}) as process:
            for line in process.stdout:
                stream.write(line)
                _show_progress(step.name, line)
        code = process.returncode
        if code:
            tail = "\n".join(log.read_text().splitlines()[-8:])
            raise StepError(f"the step '{step.name}' ended with exit code {code}; its log is {log}\n{tail}")
        missing = [str(path) for path in step.outputs if not path.exists()]
        if missing:
            raise StepError(f"the step '{step.name}' ended well but left no {', '.join(missing)}; see {log}")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _startable(waiting: Sequence[Step], running: Sequence[Step], workers: int) -> list[Step]:
    """Which of the waiting steps may start beside the running ones, in order."""
    unfinished = {path for step in (*waiting, *running) for path in step.outputs}
    ready = [step for step in waiting if not unfinished & set(step.inputs)]
    together = [step for step in ready if not step.is_alone]
    if any(step.is_alone for step in running):
        return []
    if together:
        return together[:workers - len(running)]
    return [] if running else ready[:1]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _show_progress(name: str, line: str) -> None:
    """Repeat place and remaining time from a line of mmengine's log, over the one before."""
    found = PROGRESS.search(line)
    if found and sys.stderr.isatty():
        sys.stderr.write(f"\r    {name}: {' '.join(found.group(0).split())}"[:110].ljust(111) + "\r")
        sys.stderr.flush()


def _content_key(path: Path) -> str:
    """Digest of a small file's content; a large file or a folder is known by its size and time."""
    if path.is_file() and path.stat().st_size < 1 << 20:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    stat = path.stat()
    return f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}"
