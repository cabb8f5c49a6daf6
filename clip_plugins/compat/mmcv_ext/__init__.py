"""Stand-in for `mmcv._ext`, the compiled operators of mmcv, served by torchvision and PyTorch.

Loaded as the module `mmcv._ext` itself (relative imports only), never through `clip_plugins`.
The functions keep mmcv's calling convention: buffers are given by the caller and filled in place.
"""
from collections.abc import Callable

from .attention import ms_deform_attn_backward, ms_deform_attn_forward, psamask_backward, psamask_forward
from .deformable import (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
)
from .focal import (
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softmax_focal_loss_backward,
    softmax_focal_loss_forward,
)
from .reassembly import (
    carafe_backward,
    carafe_forward,
    carafe_naive_backward,
    carafe_naive_forward,
    masked_col2im_forward,
    masked_im2col_forward,
)
from .regions import roi_align_backward, roi_align_forward, roi_pool_backward, roi_pool_forward
from .suppression import bbox_overlaps, nms, nms_match, softnms

__stand_in__ = True
__all__ = [
    "bbox_overlaps", "carafe_backward", "carafe_forward", "carafe_naive_backward", "carafe_naive_forward",
    "deform_conv_backward_input", "deform_conv_backward_parameters", "deform_conv_forward",
    "get_compiler_version", "get_compiling_cuda_version", "masked_col2im_forward", "masked_im2col_forward",
    "modulated_deform_conv_backward", "modulated_deform_conv_forward", "ms_deform_attn_backward",
    "ms_deform_attn_forward", "nms", "nms_match", "psamask_backward", "psamask_forward", "roi_align_backward",
    "roi_align_forward", "roi_pool_backward", "roi_pool_forward", "sigmoid_focal_loss_backward",
    "sigmoid_focal_loss_forward", "softmax_focal_loss_backward", "softmax_focal_loss_forward", "softnms",
]


def get_compiler_version() -> str:
    """What mmcv's environment report prints for the compiler."""
    return "none (operators by torchvision and PyTorch, clip_plugins.compat)"


def get_compiling_cuda_version() -> str:
    """What mmcv's environment report prints for CUDA."""
    return get_compiler_version()


def __getattr__(name: str) -> Callable:
    """A function for every operator that nobody serves: mmcv may look it up, only a call raises."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def missing(*args: object, **kwargs: object) -> None:
        raise NotImplementedError(
            f"mmcv operator {name!r} needs compiled mmcv, which is not installed, and clip_plugins has no "
            "replacement for it; install an mmcv build with operators, or use a model without this operator."
        )

    missing.__name__ = missing.__qualname__ = name
    return missing
