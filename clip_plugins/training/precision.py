"""In which precision, and by which kernels, models train."""
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from clip_plugins.errors import ConfigError

PRECISIONS = ("auto", "fp32", "bf16")


def has_fast_bf16(device_type: str) -> bool:
    """Whether the hardware computes in bf16 (where it doesn't, bf16 is emulated, slowly).

    AVX-512 BF16 on CPUs (2.4 times the convolutions of fp32 on two Zen 4 cores); Ampere on GPUs.

    Args:
        device_type: `cpu`, `cuda` or another of torch's.

    Returns:
        True where bf16 pays; False for devices that aren't known.
    """
    if device_type == "cpu":
        return torch.cpu._is_avx512_bf16_supported()
    return device_type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


class FloatAttention(TorchFunctionMode):
    """A context in which attention computes in float32; its output has the dtype that it has without.

    On CPUs the fused kernel's backward is slow in bf16. Forward and backward of 416 tokens, 4 heads of 32, 32
    images, one Sapphire Rapids core: bf16 fused 231 ms, bf16 spelled out 463 ms, float32 fused 125 ms.
    """

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Pass everything on but attention."""
        kwargs = kwargs or {}
        if func is not F.scaled_dot_product_attention:
            return func(*args, **kwargs)
        query = args[0] if args else kwargs["query"]
        kind = query.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype
        options = {key: _as_float(value) for key, value in kwargs.items()}
        with torch.autocast(kind, enabled=False):
            return func(*map(_as_float, args), **options).to(dtype)


def _as_float(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value


@contextmanager
def training_precision(device_type: str, precision: str) -> Iterator[None]:
    """The context in which models run in training.

    On CPUs attention stays in float32, see `FloatAttention`.

    Args:
        device_type: of the pixels.
        precision: `fp32` (a surrounding autocast, as of AmpOptimWrapper, stays in force), `bf16`, or `auto`.

    Raises:
        ConfigError: another precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision={precision!r} is unknown; choose one of {', '.join(PRECISIONS)}")
    surrounding = torch.is_autocast_enabled(device_type)
    wanted = precision == "bf16" or (precision == "auto" and not surrounding and has_fast_bf16(device_type))
    dtype = torch.bfloat16 if wanted else torch.get_autocast_dtype(device_type)
    lowered = wanted or surrounding
    attention = FloatAttention() if lowered and device_type == "cpu" else nullcontext()
    with attention, torch.autocast(device_type, dtype, enabled=lowered):
        yield
