"""Image-text losses over the batch of all processes: hard, soft and several-modality targets.

B rows of this process, N = B x processes rows of all of them, D embedding. Gathering is open_clip's; what is
added are targets that know of equal captions, a logit bias that counts once, and more than two modalities.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather, get_dist_info
from open_clip.loss import ClipLoss
from torch import Tensor, nn

from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.registry import MODELS


def caption_keys(captions: Sequence[str]) -> Tensor:
    """Number every caption so that equal captions have equal numbers in all processes.

    Args:
        captions: B strings.

    Returns:
        (B,) int64, the first 8 bytes of a BLAKE2 digest.
    """
    digests = (hashlib.blake2b(caption.encode(), digest_size=8).digest() for caption in captions)
    numbers = [int.from_bytes(digest, "little", signed=True) for digest in digests]
    return torch.tensor(numbers, dtype=torch.int64)


def positive_targets(row_keys: Tensor, column_keys: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Target distribution of each row: shared evenly by the columns that carry its key.

    The same caption twice in a batch is a positive twice, never a negative.

    Args:
        row_keys: (B,) int64.
        column_keys: (N,) int64; each row's key occurs at least once.
        label_smoothing: share of the mass that is spread over all N columns.

    Returns:
        (B, N) float32, rows sum to 1.

    Raises:
        ShapeError: a row's key stands in no column.
    """
    same = (row_keys[:, None] == column_keys[None, :]).float()  # B x N
    counts = same.sum(dim=1, keepdim=True)
    if bool((counts == 0).any()):
        missing = int((counts == 0).sum())
        raise ShapeError(f"{missing} of {len(row_keys)} rows have no column with their key; gather first")
    targets = same / counts
    return targets * (1 - label_smoothing) + label_smoothing / same.shape[1]


def symmetric_cross_entropy(
    row_logits: Tensor, column_logits: Tensor, row_targets: Tensor, column_targets: Tensor | None = None
) -> Tensor:
    """Mean of the two directions' cross entropies (CLIP, figure 3).

    Args:
        row_logits: (B, N) image to text.
        column_logits: (B, N) text to image.
        row_targets: (B,) int64 indices, or (B, N) distributions.
        column_targets: the same for text to image; those of the rows where None.

    Returns:
        Scalar.
    """
    column_targets = row_targets if column_targets is None else column_targets
    return (F.cross_entropy(row_logits, row_targets) + F.cross_entropy(column_logits, column_targets)) / 2


@MODELS.register_module()
class ContrastiveLoss(ClipLoss):
    """Symmetric InfoNCE over all processes (open_clip's ClipLoss), with targets that know of equal captions.

    With both switches at their defaults the gradient that DistributedDataParallel averages equals that of the
    whole batch in one process; without `gather_with_grad` it doesn't.

    Args:
        local_loss: compute this process's rows only (N instead of N x N / B memory, same gradient).
        gather_with_grad: let the gradient flow back to the other processes.
        merge_duplicates: rows with equal keys are each other's positives (needs keys in the call).
        label_smoothing: share of the target mass that is spread over the batch, in [0, 1).

    Raises:
        ConfigError: label_smoothing outside of [0, 1).
    """

    def __init__(
        self,
        local_loss: bool = True,
        gather_with_grad: bool = True,
        merge_duplicates: bool = True,
        label_smoothing: float = 0.0,
    ):
        super().__init__(local_loss=local_loss, gather_with_grad=gather_with_grad)
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"label_smoothing={label_smoothing} must lie in [0, 1)")
        self.merge_duplicates = merge_duplicates
        self.label_smoothing = label_smoothing

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor | float,
        logit_bias: Tensor | None = None,
        keys: Tensor | None = None,
    ) -> Tensor:
        """Loss of this process.

        Args:
            image_features: (B, D) unit rows.
            text_features: (B, D) unit rows; row i belongs to image i.
            logit_scale: the factor itself (not its logarithm).
            logit_bias: scalar added to all logits.
            keys: (B,) int64 from `caption_keys`; None: every row is its own and only positive.

        Returns:
            Scalar; the mean over processes is the loss of the whole batch.

        Raises:
            ShapeError: the two batches differ, or keys don't fit them.
        """
        if image_features.shape != text_features.shape:
            shapes = f"{tuple(image_features.shape)} and {tuple(text_features.shape)}"
            raise ShapeError(f"image and text features must have the same shape, got {shapes}")
        per_image, per_text = self.get_logits(image_features, text_features, logit_scale, logit_bias)
        return symmetric_cross_entropy(per_image, per_text, self._targets(per_image, keys))

    def get_logits(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor | float,
        logit_bias: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Logits per image and per text, each (B, N), or (N, N) without `local_loss`.

        open_clip adds the bias in place to both; where one is a view of the other it would count twice.
        """
        self.rank, self.world_size = get_dist_info()
        per_image, per_text = super().get_logits(image_features, text_features, logit_scale)
        if logit_bias is None:
            return per_image, per_text
        return per_image + logit_bias, per_text + logit_bias

    def _targets(self, logits: Tensor, keys: Tensor | None) -> Tensor:
        """Indices, or distributions where equal captions or smoothing ask for them; for both directions."""
        rows = logits.shape[0]
        if keys is None or not self.merge_duplicates:
            indices = self.get_ground_truth(logits.device, rows)
            if not self.label_smoothing:
                return indices
            one_hot = F.one_hot(indices, logits.shape[1]).float()
            return one_hot * (1 - self.label_smoothing) + self.label_smoothing / logits.shape[1]
        keys = keys.to(logits.device)
        all_keys = torch.cat(all_gather(keys)) if self.world_size > 1 else keys
        row_keys = keys if self.local_loss or self.world_size == 1 else all_keys
        if len(row_keys) != rows:
            raise ShapeError(f"{len(row_keys)} caption keys for {rows} pairs; give one key a pair")
        return positive_targets(row_keys, all_keys, self.label_smoothing)


@MODELS.register_module()
class ModalityContrastiveLoss(nn.Module):
    """Contrast between every two of several modalities, e.g. image, text and audio (AudioCLIP, section 3.3).

    Args:
        pairs: names of the modalities to contrast; None: every pair that is present in the call.
        reduction: `mean` or `sum` over the pairs.
        loss: options of `ContrastiveLoss`.

    Raises:
        ConfigError: unknown reduction.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str, str]] | None = None,
        reduction: str = "mean",
        loss: Mapping | None = None,
    ):
        super().__init__()
        if reduction not in ("mean", "sum"):
            raise ConfigError(f"reduction={reduction!r} is unknown; choose 'mean' or 'sum'")
        self.pairs = None if pairs is None else [tuple(pair) for pair in pairs]
        self.reduction = reduction
        self.pair_loss = ContrastiveLoss(**(loss or {}))

    def forward(
        self,
        features: Mapping[str, Tensor],
        logit_scales: Mapping[tuple[str, str], Tensor] | Tensor | float,
        keys: Tensor | None = None,
    ) -> Tensor:
        """Loss over the pairs.

        Args:
            features: modality -> (B, D) unit rows; rows with the same index belong together.
            logit_scales: one factor, or one for each pair.
            keys: (B,) int64, equal where rows of all modalities mean the same.

        Returns:
            Scalar.

        Raises:
            ShapeError: fewer than two modalities, or a pair names one that is absent.
        """
        pairs = self.pairs if self.pairs is not None else list(combinations(features, 2))
        absent = {name for pair in pairs for name in pair} - set(features)
        if absent or not pairs:
            raise ShapeError(
                f"modalities {sorted(absent)} are asked for, the batch holds {sorted(features)}; "
                "give at least the two of each pair"
            )
        losses = [
            self.pair_loss(
                features[first],
                features[second],
                logit_scales[first, second] if isinstance(logit_scales, Mapping) else logit_scales,
                keys=keys,
            )
            for first, second in pairs
        ]
        total = torch.stack(losses)
        return total.mean() if self.reduction == "mean" else total.sum()
