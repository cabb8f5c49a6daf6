"""Half precision in training on a CPU too."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.optim import OptimWrapper
from torch import nn

from clip_plugins.errors import ConfigError
from clip_plugins.registry import OPTIM_WRAPPERS
from clip_plugins.training.precision import PRECISIONS, training_precision


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Losses under bfloat16 autocast on CPU or GPU, no loss scaling; mmengine's AmpOptimWrapper needs a GPU.

    Args:
        precision: see `training_precision`.
        kwargs: of mmengine's `OptimWrapper`.
    """

    def __init__(self, precision: str = "auto", **kwargs) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}.")
        super().__init__(**kwargs)
        self.precision = precision

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of a forward pass in training."""
        kind = next(model.parameters()).device.type
        with super().optim_context(model), training_precision(kind, self.precision):
            yield
