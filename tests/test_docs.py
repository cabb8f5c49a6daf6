"""Every command that a page shows: its tool exists, knows each option, and finds each config."""
from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import mmdet
import mmseg
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")),
         *sorted((ROOT / "configs").rglob("README.md"))]
RUN_BY = {"drop-in.md": "tests/test_drop_in.py",  # pages whose own text a test runs
          "vocabulary.md": "tests/cli/test_vocabulary_page.py"}
NOT_RUN = "Not run by a test: "  # how a page says why not
PLACES = {"$MMDET": Path(mmdet.__file__).parent / ".mim" / "tools", "$TOOLS": ROOT / "tools",
          "$MMSEG": Path(mmseg.__file__).parent / ".mim" / "tools"}
PYTHONS = ("python", ".venv/bin/python")
QUICK = re.compile(r"python -m clip_plugins\.(compat status|configs (list|path|tools)\b.*)|make help")
SHELL = ("if", "fi", "then", "for", "do", "done", "cd", "echo", "export", "git", "curl", "tar", "unzip")


def joined(text: str) -> list[str]:
    """Commands of a block, continued lines joined, comments and prompts gone."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def commands(page: Path) -> list[str]:
    """What a page shows in bash blocks, and what it names in passing."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:bash|shell|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`((?:(?:\.venv/bin/)?python |make |tools/\w+\.sh )[^`\n]+)`", rest)
    return [line for block in blocks for line in joined(block)] + inline


def words(command: str) -> list[str]:
    """A command's words without assignments before it; `$(...)` is left out."""
    for inner in substitutions(command):
        command = command.replace(f"$({inner})", "")
    parts = shlex.split(command, comments=True)
    while parts and re.match(r"\w+=", parts[0]):
        parts.pop(0)
    return parts


def substitutions(command: str) -> list[str]:
    """The commands inside of `$(...)`."""
    found = []
    for start in (match.end() for match in re.finditer(r"\$\(", command)):
        depth, end = 1, start
        while depth:
            depth += {"(": 1, ")": -1}.get(command[end], 0)
            end += 1
        found.append(command[start:end - 1])
    return found


@cache
def help_of(tool: tuple[str, ...], first: str | None) -> str:
    """What a tool says about its options; its first argument may be the name of a job."""
    run = subprocess.run([sys.executable, *tool, *([first] if first else []), "--help"], cwd=ROOT,
                         capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, f"{tool}: {run.stderr}"
    return run.stdout


def offences(command: str) -> list[str]:
    """What is wrong with one command."""
    found = [offence for inner in substitutions(command) for offence in offences(inner)]
    parts = words(command)
    if not parts or parts[0] in SHELL:
        return found
    program, *rest = parts
    if program in PYTHONS:
        return found + python_offences(rest)
    if program == "torchrun":  # its own options end where our tool begins
        place = next((index for index, word in enumerate(rest) if word.startswith("tools/")), len(rest))
        return found + python_offences(rest[place:]) if rest[place:] else [*found, "torchrun runs no tool"]
    if program == "bash":
        program = rest[0]
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return found + [f"no make target {word}" for word in rest
                        if "=" not in word and not word.startswith("-") and word not in targets]
    if program == "pip":
        return found + pip_offences(rest)
    if program.startswith("tools/"):
        return found + ([] if (ROOT / program).is_file() else [f"no {program}"])
    return [*found, f"unknown program {program}"]


def python_offences(rest: list[str]) -> list[str]:
    """Of `python TOOL ...` and `python -m MODULE ...`."""
    if rest[0] == "-c":
        return []
    if rest[0] == "-m":
        name, tool, arguments = rest[1], ("-m", rest[1]), rest[2:]
    else:
        name, arguments = rest[0], rest[1:]
        place, _, file = name.rpartition("/")
        path = PLACES.get(place, ROOT / place) / file
        if not path.is_file():
            return [f"no {name}"]
        tool = (str(path),)
    options = [word.split("=")[0] for word in arguments if word.startswith("--")]
    missing = [f"no {word}" for word in arguments if re.fullmatch(r"configs/[\w./-]+\.py", word)
               and not (ROOT / word).is_file() and word != "configs/vild/CONFIG.py"]
    first = arguments[0] if arguments and re.fullmatch(r"[a-z_]+", arguments[0]) else None
    if first is None and not options:
        return missing
    told = help_of(tool, first)
    return missing + [f"{name} has no {option}" for option in options
                      if not re.search(rf"{re.escape(option)}(?![\w-])", told)]


def pip_offences(rest: list[str]) -> list[str]:
    """Of `pip install`: extras of ours that don't exist."""
    extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text()
                        .split("[project.optional-dependencies]")[1].split("\n[")[0], re.MULTILINE)
    asked = [extra for word in rest for group in re.findall(r"(?:clip_plugins|\.)\[([\w,]+)\]", word)
             for extra in group.split(",")]
    return [f"no extra {extra}" for extra in asked if extra not in extras]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_fit_their_tools(page: Path):
    found = {command: offences(command) for command in commands(page)}
    assert not {command: what for command, what in found.items() if what}


def test_wrong_commands_are_found():
    assert offences("python tools/absent.py") == ["no tools/absent.py"]
    assert offences("python tools/train.py configs/absent.py --sead 1") == [
        "no configs/absent.py", "tools/train.py has no --sead"]
    assert offences("python tools/prepare_data.py split A.json --basis b") == [
        "tools/prepare_data.py has no --basis"]
    assert offences("X=$(python -m clip_plugins.configs path a --deep)") == [
        "clip_plugins.configs has no --deep"]
    assert offences("torchrun --nproc-per-node 2 tools/train.py CONFIG --lauch x") == [
        "tools/train.py has no --lauch"]
    assert offences("bash tools/absent.sh 2") == ["no tools/absent.sh"]
    assert offences("make absent") == ["no make target absent"]
    assert offences('pip install "clip_plugins[everything]"') == ["no extra everything"]
    assert offences("clip train") == ["unknown program clip"]


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "docs" and commands(page)],
                         ids=lambda page: page.name)
def test_a_page_with_commands_is_run_or_says_why_not(page: Path):
    if page.name in RUN_BY:
        assert page.name in (ROOT / RUN_BY[page.name]).read_text()
    else:
        assert NOT_RUN in page.read_text(encoding="utf-8")


def test_quick_commands_run(tmp_path: Path):
    quick = {command for page in PAGES for command in commands(page) if QUICK.fullmatch(command)}
    assert "python -m clip_plugins.compat status" in quick
    for command in quick:
        run = subprocess.run(command.replace("python", sys.executable, 1), shell=True, cwd=ROOT,
                             capture_output=True, text=True, timeout=120)
        assert run.returncode == 0 and run.stdout, run.stderr
