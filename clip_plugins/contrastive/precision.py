"""In which precision, and by which kernels, the towers train."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

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


@contextmanager
def training_precision(device_type: str, precision: str) -> Iterator[None]:
    """The context in which towers run in training.

    On CPUs attention is spelled out: the fused kernel's backward takes 3 times as long in bf16 (20 to 65
    tokens, torch 2.14, one Zen 4 core).

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
    attention = sdpa_kernel(SDPBackend.MATH) if device_type == "cpu" else nullcontext()
    with attention, torch.autocast(device_type, dtype, enabled=wanted or surrounding):
        yield
