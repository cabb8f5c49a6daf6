"""The forms in which a case.json states what error is allowed."""
from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from torch import Tensor

from clip_plugins.errors import DataError

NUMBER = r"(\d+(?:\.\d*)?(?:e[+-]?\d+)?)"
FORMS = (  # pattern -> allowed error, from the numbers of the text and the expected tensor
    (rf"^{NUMBER}$", lambda x, a: torch.full_like(x, a)),
    (rf"^{NUMBER} \* max\(1, max\|\w+\|\)", lambda x, a: torch.full_like(x, a * max(1.0, _peak(x)))),
    (rf"^{NUMBER} absolute or {NUMBER} relative to the tensor's largest entry",
     lambda x, a, b: torch.full_like(x, max(a, b * _peak(x)))),
    (rf"^{NUMBER} absolute", lambda x, a: torch.full_like(x, a)),
    (rf"^{NUMBER} of the largest entry", lambda x, a: torch.full_like(x, a * _peak(x))),
    (rf"^{NUMBER} relative", lambda x, a: a * x.abs()),
    (r"^(?:exact|equal)", lambda x: torch.zeros_like(x)),
)


def _peak(tensor: Tensor) -> float:
    return tensor.abs().max().item() if tensor.numel() else 0.0


@dataclass(frozen=True)
class Tolerance:
    """One stated tolerance, kept as its text."""

    text: str

    @property
    def needs_acceptance(self) -> bool:
        """Whether only the case's acceptance text tells what is right."""
        return "see acceptance" in self.text

    def allowed(self, expected: Tensor) -> Tensor:
        """The largest absolute error at each entry of `expected`; raises DataError on an unknown form."""
        for pattern, bound in FORMS:
            found = re.match(pattern, self.text)
            if found:
                return bound(expected, *map(float, found.groups()))
        raise DataError(f"the tolerance {self.text!r} has no known form; add it to {Path(__file__).name}.")


def find_tolerance(stated: dict[str, float | str], name: str) -> Tolerance:
    """The most specific pattern (most letters beside the stars) that matches `name`, else 'default'."""
    matches = [(len(pattern.replace("*", "")), value)
               for key, value in stated.items() if key != "default"
               for pattern in map(str.strip, key.split(",")) if fnmatchcase(name, pattern)]
    value = max(matches, key=lambda match: match[0])[1] if matches else stated.get("default", "exact")
    return Tolerance(str(value))
