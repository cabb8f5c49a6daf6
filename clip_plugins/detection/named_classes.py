"""Names of a head's classes: today's, and those once trained on, which travel in the state dict."""
from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from torch import Tensor, nn

SEEN_NAMES = "seen_names"  # key in the state dict; UTF-8 JSON as bytes, which any checkpoint format holds


def write_names(names: Sequence[str]) -> Tensor:
    """Names as a (bytes,) uint8 tensor."""
    return torch.tensor(list(json.dumps(list(names), ensure_ascii=False).encode()), dtype=torch.uint8)


def read_names(data: Tensor) -> tuple[str, ...]:
    """Undo `write_names`."""
    return tuple(json.loads(bytes(data.cpu().tolist()).decode()))


def zero_below(scores: Tensor, thresholds: Sequence[float] | None) -> Tensor:
    """Scores under the threshold of their name become zero, which no test configuration reports.

    Args:
        scores: (R, K).
        thresholds: K smallest scores that stay; None leaves all.
    """
    if thresholds is None:
        return scores
    return scores.where(scores >= scores.new_tensor(thresholds), scores.new_zeros(()))


def _save_seen_names(module: NamedClasses, state_dict: dict, prefix: str, metadata: dict) -> None:
    state_dict[prefix + SEEN_NAMES] = write_names(module.seen_names)


class NamedClasses(nn.Module):
    """Mixin that knows the names of its classes; a checkpoint so knows what it was trained on."""

    def init_names(self) -> None:
        """Begin without names; to be called after `nn.Module.__init__`."""
        self.names: tuple[str, ...] = ()
        self.thresholds: tuple[float, ...] | None = None
        self.seen_names: tuple[str, ...] = ()
        self._register_state_dict_hook(_save_seen_names)

    def remember_names(self) -> None:
        """Note that today's names are trained on."""
        self.seen_names = self.names

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest: object) -> None:
        data = state_dict.pop(prefix + SEEN_NAMES, None)
        if data is not None:
            self.seen_names = read_names(data)
        super()._load_from_state_dict(state_dict, prefix, *rest)
