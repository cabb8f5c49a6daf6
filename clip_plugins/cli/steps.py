"""A job as a chain of commands: each runs once, and again when its command or its inputs change."""
import hashlib
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clip_plugins.errors import ClipPluginsError
from clip_plugins.files import write_atomically

PROGRESS = re.compile(r"(Iter|Epoch)\((train|val|test)\).*?time: [\d.]+")


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
    """

    name: str
    command: tuple[str, ...]
    outputs: tuple[Path, ...]
    inputs: tuple[Path, ...] = field(default=())

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

    def run(self, steps: Sequence[Step]) -> None:
        """Run what isn't done yet.

        Raises:
            StepError: a command failed; names the command and its log file.
        """
        for number, step in enumerate(steps, 1):
            heading = f"[{number}/{len(steps)}] {step.name}"
            if self.is_done(step):
                sys.stdout.write(f"{heading}: done before\n")
                continue
            sys.stdout.write(f"{heading}\n    python {shlex.join(step.command)}\n")
            sys.stdout.flush()
            started = time.perf_counter()
            self._execute(step)
            seconds = time.perf_counter() - started
            sys.stdout.write(f"    {seconds:.0f} s\n")
            record = json.dumps({"key": step.key(), "seconds": seconds, "command": list(step.command)})
            write_atomically(self._record(step), record.encode())

    def is_done(self, step: Step) -> bool:
        """Whether the same command has left its files, with the same inputs."""
        record = self._record(step)
        if not record.is_file() or not all(path.exists() for path in (*step.outputs, *step.inputs)):
            return False
        return json.loads(record.read_text())["key"] == step.key()

    def seconds(self, steps: Sequence[Step]) -> float:
        """Time that the steps took when they ran, in seconds."""
        return sum(json.loads(self._record(step).read_text())["seconds"] for step in steps)

    def _record(self, step: Step) -> Path:
        return self.records / f"{step.name.replace(' ', '_').replace('/', '_')}.json"

    def _execute(self, step: Step) -> None:
        log = self._record(step).with_suffix(".log")
        # stderr carries progress bars and passes through; of stdout, the log, only its progress is shown.
        with log.open("w", buffering=1) as stream, subprocess.Popen(
                [sys.executable, *step.command], stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                stream.write(line)
                _show_progress(line)
        code = process.returncode
        if code:
            tail = "\n".join(log.read_text().splitlines()[-8:])
            raise StepError(f"the step '{step.name}' ended with exit code {code}; its log is {log}\n{tail}")
        missing = [str(path) for path in step.outputs if not path.exists()]
        if missing:
            raise StepError(f"the step '{step.name}' ended well but left no {', '.join(missing)}; see {log}")


def _show_progress(line: str) -> None:
    """Repeat the step, remaining time and loss of a line of mmengine's log, over the one before."""
    found = PROGRESS.search(line)
    if found and sys.stderr.isatty():
        sys.stderr.write(f"\r    {' '.join(found.group(0).split())[:100]:<100}\r")
        sys.stderr.flush()


def _content_key(path: Path) -> str:
    """Digest of a small file's content; a large file or a folder is known by its size and time."""
    if path.is_file() and path.stat().st_size < 1 << 20:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    stat = path.stat()
    return f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}"
