"""Batch normalisation as the official TensorFlow code counts it."""
from __future__ import annotations

import torch
import torch.nn.functional as F
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
        if not self.training:
            return super().forward(x)
        after, count = self.running_var.clone(), x.numel() // x.shape[1]
        out = F.batch_norm(x, self.running_mean, after, self.weight, self.bias, True, self.momentum, self.eps)
        with torch.no_grad():  # what the step added to the decayed value is momentum * unbiased variance
            self.num_batches_tracked.add_(1)
            decayed = (1 - self.momentum) * self.running_var
            self.running_var.copy_(decayed + (after - decayed) * (count - 1) / max(count, 1))
        return out
