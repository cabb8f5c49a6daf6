"""Focal losses (Lin et al. 2017) as mmcv's kernels compute them. Letters: N rows, K classes."""
import torch
from torch import Tensor

from .precision import widen

SMALLEST = torch.finfo(torch.float32).tiny  # FLT_MIN: log stops at -87.3


def _log(probability: Tensor) -> Tensor:
    return probability.clamp(min=SMALLEST).log()


def _row_weight(weight: Tensor, target: Tensor) -> Tensor | float:
    """Weight of each row's target class, N×1; background rows, for which there is none, count 1.

    mmcv's kernel reads weight[target] out of bounds there.
    """
    if weight.numel() == 0:
        return 1.0
    known = (target >= 0) & (target < weight.numel())
    return torch.where(known, weight[target.clamp(0, weight.numel() - 1)], 1.0)[:, None]


def _sigmoid_parts(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities N×K and whether the class is the row's target, N×K."""
    probability = widen(input).sigmoid()
    return probability, target[:, None] == torch.arange(input.shape[1], device=input.device)


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill `output`: -alpha (1-p)^gamma log p for the target, -(1-alpha) p^gamma log(1-p) for the rest.

    Args:
        input: N×K logits.
        target: N int64; any value outside 0..K-1 is background.
        weight: K, a factor a class, or empty.
        output: N×K, written.
        gamma: exponent.
        alpha: share of the positive term.
    """
    p, is_target = _sigmoid_parts(input, target)
    positive = -alpha * (1 - p) ** gamma * _log(p)
    negative = -(1 - alpha) * p**gamma * _log(1 - p)
    output.copy_(torch.where(is_target, positive, negative) * _row_weight(weight, target))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Fill `grad_input` (N×K) with the derivative of each entry of the loss by its logit."""
    p, is_target = _sigmoid_parts(input, target)
    positive = -alpha * (1 - p) ** gamma * (1 - p - gamma * p * _log(p))
    negative = -(1 - alpha) * p**gamma * (gamma * (1 - p) * _log(1 - p) - p)
    grad_input.copy_(torch.where(is_target, positive, negative) * _row_weight(weight, target))


def _target_probability(softmax: Tensor, target: Tensor) -> Tensor:
    """Probability of each row's target, N×1; rows without target read class 0, the caller zeroes them."""
    return widen(softmax).gather(1, target.clamp(min=0)[:, None])


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill `output` (N) with -alpha (1-p)^gamma log p of the target's probability; 0 where target < 0.

    Args:
        input: N×K probabilities (softmax already taken).
        target: N int64.
        weight: K, a factor a class, or empty.
        output: N, written.
        gamma: exponent.
        alpha: factor.
    """
    p = _target_probability(input, target)
    loss = -alpha * (1 - p) ** gamma * _log(p) * _row_weight(weight, target)
    output.copy_((loss * (target >= 0)[:, None])[:, 0])


def softmax_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, buff: Tensor, grad_input: Tensor, gamma: float,
    alpha: float
) -> None:
    """Fill `grad_input` (N×K): derivative of each row's loss by its logits; `buff` (N): its factor."""
    p = _target_probability(input, target)
    # p dL/dp; the softmax then gives (1[k = target] - p_k) for each class k.
    factor = alpha * (gamma * (1 - p) ** (gamma - 1) * p * _log(p) - (1 - p) ** gamma)
    factor = factor * _row_weight(weight, target) * (target >= 0)[:, None]
    buff.copy_(factor[:, 0])
    is_target = target[:, None] == torch.arange(input.shape[1], device=input.device)
    grad_input.copy_(factor * (is_target.to(p.dtype) - widen(input)))
