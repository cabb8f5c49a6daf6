"""The house rules, checked on the source: sizes, documentation, what a library doesn't do, who knows whom."""
import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from mmengine import registry as roots
from mmengine.registry import Registry

import clip_plugins
from clip_plugins import registry as ours

ROOT = Path(__file__).resolve().parents[1]
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 80
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:home|root|work|Users|mnt|private|workspace)/\w")
REGISTRY_HOST = re.compile(r"https?://\S*(?:/simple\b|pypi\.|pythonhosted|artifactory|nexus|jfrog)|-index-url|"
                           r"--trusted-host|index_url")
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


PACKAGE = sources("clip_plugins")
PYTHON = [*sources("clip_plugins", "tools", "tests", "configs"), ROOT / "setup.py"]
TEXTS = [path for path in [
    *PYTHON, *(ROOT / "docs").rglob("*.md"), *(ROOT / "configs").rglob("*.md"),
    *(ROOT / "configs").rglob("*.yml"), *ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.txt"),
    *ROOT.glob("*.cff"), ROOT / "Makefile", ROOT / ".ci" / "run", *(ROOT / "tools").glob("*.sh"),
] if path.is_file() and path != Path(__file__)]


def offences(paths: list[Path], found_in: Callable[[str], list[str]]) -> list[str]:
    """`file: what` for everything that a rule finds in the files' texts."""
    return [f"{path.relative_to(ROOT)}: {what}" for path in paths
            for what in found_in(path.read_text(encoding="utf-8"))]


def public(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Public classes, functions and methods with their dotted names; what a function holds is its own."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTION, ast.ClassDef)) and not child.name.startswith("_"):
            yield child.name, child
            if isinstance(child, ast.ClassDef):
                yield from ((f"{child.name}.{name}", inner) for name, inner in public(child))


def test_files_fit_their_limit():
    def too_long(text: str) -> list[str]:
        lines = len(text.splitlines())
        return [f"{lines} lines"] if lines > MAX_FILE_LINES else []
    assert PACKAGE and not offences(PYTHON, too_long)


def test_functions_fit_their_limit():
    def too_long(text: str) -> list[str]:
        lengths = {node.name: node.end_lineno - node.lineno + 1 for node in ast.walk(ast.parse(text))
                   if isinstance(node, FUNCTION)}
        return [f"{name} has {lines} lines" for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES]
    assert not offences(PYTHON, too_long)


def test_public_names_are_documented():
    def bare(text: str) -> list[str]:
        tree = ast.parse(text)
        nodes = [("the module", tree), *public(tree)]
        return [name for name, node in nodes if not ast.get_docstring(node)]
    assert not offences(PACKAGE, bare)


def test_arguments_of_public_functions_are_annotated():
    def bare(text: str) -> list[str]:
        functions = [(name, node) for name, node in public(ast.parse(text)) if isinstance(node, FUNCTION)]
        return [f"{name}({argument.arg})" for name, node in functions for argument in all_arguments(node.args)
                if argument.annotation is None and argument.arg not in ("self", "cls")]
    assert not offences(PACKAGE, bare)


def all_arguments(given: ast.arguments) -> list[ast.arg]:
    extra = [argument for argument in (given.vararg, given.kwarg) if argument is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def test_library_code_neither_asserts_nor_swallows():
    def found(text: str) -> list[str]:
        nodes = list(ast.walk(ast.parse(text)))
        return [f"assert in line {node.lineno}" for node in nodes if isinstance(node, ast.Assert)] + [
            f"swallowing except in line {node.lineno}" for node in nodes
            if isinstance(node, ast.ExceptHandler) and swallows(node)]
    assert not offences(PACKAGE, found)


def swallows(handler: ast.ExceptHandler) -> bool:
    """An `except` without a kind, or a broad one that does nothing."""
    is_broad = isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    is_idle = all(isinstance(step, (ast.Pass, ast.Continue)) for step in handler.body)
    return handler.type is None or (is_broad and is_idle)


def test_library_code_does_not_print():
    def printing(text: str) -> list[str]:
        return [f"line {node.lineno}" for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"]
    library = [path for path in PACKAGE if path.name != "__main__.py"]  # a command's output is its own
    assert not offences(library, printing)


def test_no_file_is_called_utils():
    names = {"utils", "util", "misc", "helpers", "common"}
    assert not [path for path in PYTHON if path.stem in names]


def test_no_machine_paths_or_registry_hosts():
    def found(text: str) -> list[str]:
        return [f"line {number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1)
                if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line)]
    assert found("cd /" "home/someone")
    assert not offences(TEXTS, found)


def test_tests_mirror_the_package():
    rooms = {path.parent.name for path in (ROOT / "clip_plugins").glob("*/__init__.py")}
    tested = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert rooms and rooms <= tested


def registered() -> list[tuple[str, type]]:
    registries = [value for value in vars(ours).values() if isinstance(value, Registry)]
    return [item for registry in registries for item in registry.module_dict.items()]


def test_importing_the_package_registers_its_classes():
    names = [name for name, _ in registered()]
    assert {"TinyCLIP", "LoadImage", "VocabularyHook", "DetectionPictures", "ViLDRoIHead"} <= set(names)


def test_registered_names_are_unique_over_all_kinds():
    names = [name for name, _ in registered()]
    assert sorted(names) == sorted(set(names))


def test_registered_classes_are_our_own_and_documented():
    assert not [name for name, entry in registered()
                if not entry.__module__.startswith(clip_plugins.__name__) or not entry.__doc__]


def test_nothing_is_registered_under_foreign_names():
    foreign = [f"{root.name}: {name}" for root in vars(roots).values() if isinstance(root, Registry)
               for name, entry in root.module_dict.items()
               if entry.__module__.startswith(f"{clip_plugins.__name__}.")]
    assert not foreign


def check(*command: str) -> None:
    run = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stdout + run.stderr


def test_import_contracts_hold():
    check("-c", "from importlinter.cli import lint_imports_command as command; command(['--no-cache'])")


def test_style_is_clean():
    check("-m", "ruff", "check", "--no-cache", "--output-format=concise", ".")
