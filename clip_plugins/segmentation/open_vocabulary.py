"""What every open-vocabulary segmentor shares: names, windows, labels, mmseg's data samples.

Letters: B images, D width of the joint space, N names, M negatives, n names of one chunk, H×W pixels.
"""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models import BaseSegmentor
from mmseg.structures import SegDataSample
from torch import Tensor

from clip_plugins.errors import ConfigError, DataError, ShapeError
from clip_plugins.files import read_json
from clip_plugins.segmentation.labelling import (
    BUDGET,
    RunningBest,
    name_chunks,
    resize_map,
    slide_windows,
)
from clip_plugins.vocabulary import HeldVocabulary, joint_space

MODES = ("whole", "slide")
Window = tuple[int, int, int, int]


class OpenVocabularySegmentor(HeldVocabulary, BaseSegmentor):
    """A segmentor that compares every pixel with the text embeddings of any names.

    A subclass gives `extract_feat`, `name_scores` and `loss`. At test the names are taken in chunks, so that
    memory doesn't grow with their number; `seg_logits` are kept only with `test_cfg.keep_logits` (which
    mmseg's test-time augmentation needs).

    Args:
        encoder: config of the frozen text tower; None where ready text embeddings will be given.
        embed_dim: width D of the joint space; None takes the encoder's.
        background: dict(name=..., offset=...): at test, offset is added to the score of the name that stands
            for everything else, a number or the file of tools/calibrate_offset.py; None adds nothing.
        test_cfg: mmseg's `mode` ('whole', or 'slide' with `crop_size` and `stride`); `keep_logits`;
            `budget`, scores in memory at a time.
        train_cfg: of the subclass.
        ignore_index: label of pixels that teach nothing.
        data_preprocessor: mmseg's `SegDataPreProcessor`.
        init_cfg: as in mmengine.
    """

    align_corners = False  # of resizing scores to the original image

    def __init__(
        self,
        encoder: dict | None = None,
        embed_dim: int | None = None,
        background: dict | None = None,
        test_cfg: dict | None = None,
        train_cfg: dict | None = None,
        ignore_index: int = 255,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.hold_vocabulary(*joint_space(encoder, embed_dim))
        self.background = _checked_background(background)
        self.train_cfg, self.test_cfg = ConfigDict(train_cfg or {}), ConfigDict(test_cfg or {})
        self.ignore_index = ignore_index
        self._check_mode()

    def _check_mode(self) -> None:
        mode = self.test_cfg.setdefault("mode", "whole")
        if mode not in MODES:
            raise ConfigError(f"test_cfg.mode is {mode!r}; choose one of {MODES}.")
        if mode == "slide" and not {"crop_size", "stride"} <= set(self.test_cfg):
            raise ConfigError("test_cfg.mode is 'slide' without crop_size and stride; give both as (h, w).")

    @property
    def budget(self) -> int:
        """Scores in memory at a time."""
        return self.test_cfg.get("budget", BUDGET)

    @property
    def out_channels(self) -> int:
        """Of `seg_logits`, for mmseg's test-time augmentation; never 1, which it reads as a sigmoid."""
        return max(2, len(self.names))

    @abstractmethod
    def extract_feat(self, inputs: Tensor) -> Any:
        """(B, 3, H, W) normalised pixels -> whatever `name_scores` reads; made once for all chunks of names.
        """

    @abstractmethod
    def name_scores(self, features: Any, text: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of some names at every pixel of what `extract_feat` has seen.

        Args:
            features: of `extract_feat`.
            text: (n, D) embeddings, a chunk of today's columns.
            size: (H, W) of the scores.

        Returns:
            (B, n, H, W).
        """

    def pixel_embeddings(self, inputs: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels -> unit embeddings (B, D, h, w) of the joint space, for other uses.

        Raises:
            ConfigError: this kind of model has none.
        """
        raise ConfigError(f"{type(self).__name__} has no pixel embeddings; use clip_plugins.LSeg.")

    def offsets_on(self, device: torch.device) -> Tensor | None:
        """(N + M,) added to the scores at test: the background's offset at its name; None without one."""
        if self.background is None or self.background["name"] not in self.names:
            return None
        offsets = torch.zeros(len(self.columns_on(device)), device=device)
        offsets[self.names.index(self.background["name"])] = self.background["offset"]
        return offsets

    def encode_decode(self, inputs: Tensor, batch_data_samples: Any = None) -> Tensor:
        """(B, 3, H, W) -> scores (B, N + M, H, W) of all names at once, without offset."""
        return self.name_scores(self.extract_feat(inputs), self.columns_on(inputs.device), inputs.shape[-2:])

    def _forward(self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> Tensor:
        return self.encode_decode(inputs)

    def targets(self, data_samples: Sequence[SegDataSample]) -> Tensor:
        """(B, H, W) int64 labels of the truth.

        Raises:
            ShapeError: masks of several sizes in a batch.
            DataError: a mask holds a label that is neither a name's nor the ignored one.
        """
        masks = [sample.gt_sem_seg.data.reshape(sample.gt_sem_seg.data.shape[-2:]) for sample in data_samples]
        if len({mask.shape for mask in masks}) > 1:
            raise ShapeError(f"masks of {sorted({tuple(mask.shape) for mask in masks})} pixels are in one "
                             "batch; crop or pad them to one size in the training pipeline.")
        labels = torch.stack(masks).long()
        known = (labels == self.ignore_index) | ((labels >= 0) & (labels < len(self.names)))
        if not bool(known.all()):
            raise DataError(f"a mask holds label {int(labels[~known][0])} but there are {len(self.names)} "
                            f"names and {self.ignore_index} is ignored; correct the masks or the names.")
        return labels

    def predict(self, inputs: Tensor,
                data_samples: Sequence[SegDataSample] | None = None) -> list[SegDataSample]:
        """Labels of every pixel of the original images; those of an image don't depend on its batch.

        Args:
            inputs: (B, 3, H, W) normalised pixels.
            data_samples: B samples, whose metainfo tells padding, flip and original size; None: new ones.

        Returns:
            the samples with `pred_sem_seg` (1, H, W) int64: indices of names, or N where a negative won;
            and, where test_cfg.keep_logits, `seg_logits` (N + M, H, W).
        """
        samples = [SegDataSample() for _ in inputs] if data_samples is None else list(data_samples)
        frames = [Frame(sample.metainfo, tuple(inputs.shape[-2:]), self.align_corners) for sample in samples]
        for inside in dict.fromkeys(frame.inside for frame in frames):  # equal sizes are looked at together
            members = [index for index, frame in enumerate(frames) if frame.inside == inside]
            images = cut(inputs if len(members) == len(inputs) else inputs[members], inside)
            self.label(images, [samples[index] for index in members], [frames[index] for index in members])
        return samples

    def label(self, inputs: Tensor, samples: Sequence[SegDataSample], frames: Sequence[Frame]) -> None:
        """Put labels, and scores where asked for, into samples; see `predict`.

        Args:
            inputs: (B, 3, H, W) normalised pixels without padding.
            samples: B.
            frames: B ways back to the original images.
        """
        text, offsets = self.columns_on(inputs.device), self.offsets_on(inputs.device)
        pixels = max(len(inputs) * inputs.shape[-2] * inputs.shape[-1], *(frame.pixels for frame in frames))
        best = [RunningBest() for _ in samples]
        kept: list[list[Tensor]] = [[] for _ in samples]
        windows = self.look(inputs)
        for part in name_chunks(len(text), pixels, self.budget):
            scores = self.join_windows(windows, part, inputs.shape)
            if offsets is not None and bool(offsets[part].any()):
                scores = scores + offsets[part, None, None]
            for index, frame in enumerate(frames):
                original = frame.undo(scores[index])
                best[index].add(original)
                if self.test_cfg.get("keep_logits", False):
                    kept[index].append(original)
        for sample, found, logits in zip(samples, best, kept):
            sample.pred_sem_seg = PixelData(data=found.labels.clamp(max=len(self.names))[None])
            if logits:
                sample.seg_logits = PixelData(data=torch.cat(logits))

    def look(self, inputs: Tensor) -> list[tuple[Window, Any]]:
        """Features of each window of a batch, with (top, bottom, left, right); one window in mode 'whole'."""
        size = inputs.shape[-2:]
        spans = [(0, size[0], 0, size[1])]
        if self.test_cfg.mode == "slide":
            spans = slide_windows(size, tuple(self.test_cfg.crop_size), tuple(self.test_cfg.stride))
        return [((top, bottom, left, right), self.extract_feat(inputs[..., top:bottom, left:right]))
                for top, bottom, left, right in spans]

    def join_windows(self, windows: list[tuple[Window, Any]], part: slice, shape: Sequence[int]) -> Tensor:
        """Scores (B, n, H, W) of some names over the whole image; where windows overlap, their mean.

        Args:
            windows: of `look`.
            part: which of today's columns, names and negatives.
            shape: (B, 3, H, W) of the inputs.
        """
        text = self.columns_on(self._text.embeddings.device)[part]
        if len(windows) == 1:
            return self.name_scores(windows[0][1], text, tuple(shape[-2:]))
        total = text.new_zeros(shape[0], len(text), *shape[-2:])
        counts = text.new_zeros(shape[-2:])
        for (top, bottom, left, right), features in windows:
            scores = self.name_scores(features, text, (bottom - top, right - left))
            total[..., top:bottom, left:right] += scores
            counts[top:bottom, left:right] += 1
        return total / counts


def _checked_background(background: dict | None) -> dict | None:
    if background is None:
        return None
    if set(background) - {"name", "offset"} or "name" not in background:
        raise ConfigError(f"background is {background}; give dict(name='background', offset=0.0).")
    offset = background.get("offset", 0.0)
    if isinstance(offset, str):
        offset = read_json(offset)["offset"]
    return {"name": background["name"], "offset": float(offset)}


class Frame:
    """Where an image lies in a batch, and the way back to the original: flip back, resize.

    Args:
        metainfo: mmseg's, with `padding_size`, `flip` and `ori_shape` where there are such.
        size: (H, W) of the batch.
        align_corners: of resizing.

    Attributes:
        inside: (top, bottom, left, right) of the image without padding; see `cut`.
        size: (H', W') of the original image.
    """

    def __init__(self, metainfo: dict, size: tuple[int, int], align_corners: bool) -> None:
        left, right, top, bottom = metainfo.get("img_padding_size", metainfo.get("padding_size", (0,) * 4))
        self.inside: Window = (top, size[0] - bottom, left, size[1] - right)
        self.flip = metainfo.get("flip_direction", "horizontal") if metainfo.get("flip") else None
        own = (size[0] - bottom - top, size[1] - right - left)
        self.size = tuple(metainfo.get("ori_shape", own))[:2]
        self.align_corners = align_corners

    @property
    def pixels(self) -> int:
        """Of the original image."""
        return self.size[0] * self.size[1]

    def keeps(self, size: tuple[int, int]) -> bool:
        """Whether an image of H×W pixels is the original as it was: neither resized nor mirrored."""
        return self.size == size and self.flip is None

    def undo(self, scores: Tensor) -> Tensor:
        """(n, H, W) of the network, padding cut off -> (n, H', W') of the original image."""
        if self.flip is not None:
            scores = scores.flip(-1 if self.flip == "horizontal" else -2)
        return resize_map(scores[None], self.size, self.align_corners)[0]


def cut(maps: Tensor, inside: Window) -> Tensor:
    """(..., H, W) -> (..., h, w): rows top to bottom, columns left to right."""
    top, bottom, left, right = inside
    return maps[..., top:bottom, left:right]
