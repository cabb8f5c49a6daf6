"""Batch normalisation as the official TensorFlow code counts it."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from clip_plugins.registry import MODELS


@MODELS.register_module()
class BiasedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm for maps and vectors whose running variance takes the biased batch variance.

    PyTorch stores the unbiased one (n / (n - 1) of it); the synchronised layer of the official code does not.
    Weights that were converted can so be trained on; everything else is `nn.BatchNorm2d`.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() < 2:
            raise ValueError(f"expected a batch of vectors or maps, got {x.dim()} axes")

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C) or (B, C, H, W) over all axes but C."""
        before = self.running_var.clone() if self.training else None
        out = super().forward(x)
        if before is not None:
            count = x.numel() // x.shape[1]
            with torch.no_grad():  # momentum * unbiased variance = what the step added to the decayed value
                decayed = (1 - self.momentum) * before
                self.running_var.copy_(decayed + (self.running_var - decayed) * (count - 1) / max(count, 1))
        return out
