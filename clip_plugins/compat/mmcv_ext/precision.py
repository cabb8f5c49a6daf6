"""Which number format the replacements compute in."""
import torch
from torch import Tensor


def widen(tensor: Tensor) -> Tensor:
    """float32 for half and bfloat16, which torchvision's CPU operators don't read; others as they are."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def gradients(output: Tensor, inputs: list[Tensor], grad_output: Tensor) -> tuple[Tensor, ...]:
    """Gradients of sum(output * grad_output) by the inputs, all of the inputs' shapes."""
    return torch.autograd.grad(output, inputs, grad_output.to(output.dtype))


def leaf(tensor: Tensor) -> Tensor:
    """A widened copy outside of the graph that asks for a gradient."""
    return widen(tensor.detach()).requires_grad_()
