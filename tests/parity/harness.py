"""Parity with the official code: a stored case, what our modules make of it, and a row for every tensor.

A case is a folder with `case.safetensors` (`w.*` weights, `in.*`, `out.*`, `grad.*`) and `case.json`.
An adapter is the module `tests/parity/<first word of the folder>.py` with
`CASES: dict[folder name, Callable[[Case], dict[name, Tensor]]]` and, where acceptance is a text,
`ACCEPT: dict[folder name, Callable[[Case, dict[name, Tensor]], list[Row]]]`. A row of `ACCEPT` stands for
the tensor of its name; all others are compared here.
"""
from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from clip_plugins.errors import DataError
from tests.parity.tolerance import Tolerance, find_tolerance

Outputs = dict[str, Tensor]


class NotImplementedCase(Exception):
    """Nobody has written the adapter of this folder's method."""


@dataclass(frozen=True)
class Case:
    """One stored case; `meta` is the whole case.json (texts, acceptance, notes)."""

    name: str
    config: Any
    tensors: dict[str, Tensor]
    meta: dict[str, Any]

    @classmethod
    def load(cls, folder: str | Path) -> Case:
        """Read `case.json` and `case.safetensors` of a folder."""
        folder = Path(folder)
        for file in ("case.json", "case.safetensors"):
            if not (folder / file).is_file():
                raise DataError(f"{folder} is no parity case: {file} is missing; name another folder.")
        meta = json.loads((folder / "case.json").read_text())
        tensors = load_file(folder / "case.safetensors")
        return cls(folder.resolve().name, meta.get("config", {}), tensors, meta)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Every tensor whose name begins with `prefix`, the prefix removed."""
        return {name[len(prefix):]: t for name, t in self.tensors.items() if name.startswith(prefix)}

    @property
    def expected(self) -> dict[str, Tensor]:
        """The tensors that an adapter must give: `out.*` and `grad.*`."""
        return {name: t for name, t in self.tensors.items() if name.startswith(("out.", "grad."))}

    def tolerance(self, name: str) -> Tolerance:
        """What case.json allows for the tensor of this name."""
        return find_tolerance(self.meta.get("tolerance", {}), name)


@dataclass(frozen=True)
class Row:
    """One line of the table: the largest absolute error and what was allowed."""

    name: str
    worst: float
    tolerance: str
    ok: bool


def _miss(name: str, why: str) -> Row:
    return Row(name, float("inf"), why, False)


def compare_tensor(name: str, expected: Tensor, given: Tensor, tolerance: Tolerance) -> Row:
    """Compare one tensor; NaN equals NaN, integers and booleans are compared exactly."""
    if not isinstance(given, Tensor):
        return _miss(name, f"a {type(given).__name__} was given, not a tensor")
    if given.shape != expected.shape:
        return _miss(name, f"shape {tuple(given.shape)}, not {tuple(expected.shape)}")
    if tolerance.needs_acceptance:
        return _miss(name, "acceptance is a text; the adapter has no ACCEPT for it")
    if not expected.is_floating_point():
        tolerance = Tolerance("exact")
    expected, given = expected.detach().cpu().double(), given.detach().cpu().double()
    same = (expected == given) | (expected.isnan() & given.isnan())
    error = torch.where(same, 0.0, (expected - given).abs()).nan_to_num(nan=float("inf"))
    worst = error.max().item() if error.numel() else 0.0
    return Row(name, worst, tolerance.text, bool((error <= tolerance.allowed(expected)).all()))


def compare(case: Case, outputs: Outputs, accepted: Iterable[Row] = ()) -> list[Row]:
    """A row for every `out.*` and `grad.*` tensor; missing ones and names that the file lacks are misses."""
    rows = {row.name: row for row in accepted}
    for name, expected in case.expected.items():
        if name in rows:
            continue
        rows[name] = (compare_tensor(name, expected, outputs[name], case.tolerance(name)) if name in outputs
                      else _miss(name, "the adapter gave nothing"))
    for name in outputs:
        if name not in rows:
            rows[name] = _miss(name, "the case has no such tensor")
    return sorted(rows.values(), key=lambda row: row.name)


def find_adapter(name: str) -> ModuleType | None:
    """The module `tests.parity.<first word of name>`, or None where nobody wrote it."""
    module = f"tests.parity.{name.split('-')[0].replace('.', '_')}"
    if importlib.util.find_spec(module) is None:
        return None
    found = importlib.import_module(module)
    return found if hasattr(found, "CASES") else None


def find_case(name: str) -> tuple[Callable[[Case], Outputs], Callable[[Case, Outputs], list[Row]] | None]:
    """The adapter's function of a folder and, where it has one, its acceptance; raises NotImplementedCase."""
    adapter = find_adapter(name)
    if adapter is None or name not in adapter.CASES:
        raise NotImplementedCase(f"{name}: not implemented (tests/parity/{name.split('-')[0]}.py lacks it)")
    return adapter.CASES[name], getattr(adapter, "ACCEPT", {}).get(name)


def check(folder: str | Path) -> list[Row]:
    """Run our modules on a folder and compare: the whole way of `tools/check_parity.py`."""
    case = Case.load(folder)
    run, accept = find_case(case.name)
    outputs = run(case)
    return compare(case, outputs, accept(case, outputs) if accept else ())
