"""An encoder that is quick to run and easy to compute by hand."""
import torch
from torch import Tensor

from clip_plugins.encoders import Preprocess


class MeanEncoder:
    """Embeds a picture as the mean of each colour, in 0..1, and a constant."""

    embed_dim = 4
    preprocess = Preprocess(size=8, mean=(0, 0, 0), std=(1, 1, 1))
    fingerprint = "mean"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode_image(self, pixels: Tensor, normalize: bool = False) -> Tensor:
        self.batches.append(len(pixels))
        return torch.cat([pixels.mean(dim=(2, 3)), torch.ones(len(pixels), 1)], dim=1)
