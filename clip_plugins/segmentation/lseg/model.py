"""LSeg as a segmentor (arXiv 2201.03546): an image tower, DPT's decoder, and a product with any words.

Letters: B images, H×W pixels, C channels of the decoder, D width of the joint space, N names, n some of them.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from clip_plugins.errors import ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.segmentation.labelling import (
    BUDGET,
    name_chunks,
    resize_map,
    text_scores,
    unit_map,
)
from clip_plugins.segmentation.lseg import losses
from clip_plugins.segmentation.lseg.blocks import DPTDecoder, LabelSmoothing
from clip_plugins.segmentation.lseg.inference import DecodedMaps, MultiScale, double, fold, padded_to
from clip_plugins.segmentation.lseg.regions import draw_regions, embed_crops, mask_regions, without_padding
from clip_plugins.segmentation.lseg.text import TunedText
from clip_plugins.segmentation.open_vocabulary import OpenVocabularySegmentor
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary

LOGIT_SCALE = 1 / 0.07  # a constant: the official parameter is never trained nor saved
COARSEST = 32  # stride of the deepest map
MULTI_SCALE = "multi_scale"
MULTI_SCALE_BUDGET = 1 << 27  # 512 MiB: 150 names of an image of 900,000 px in one go


@MODELS.register_module()
class LSeg(OpenVocabularySegmentor):
    """Language-driven segmentation: every pixel's embedding against the embeddings of any names.

    Args:
        backbone: config of an image tower of `lseg.backbones`.
        decoder: options of `DPTDecoder`.
        smoothing: options of `LabelSmoothing` (spatial regularisation); None for none.
        logit_scale: factor of the cosines.
        pixels: dict(count=..., object_share=...): learn from so many drawn pixels a batch, see
            `losses.draw_pixels`; None: from all, as the paper does.
        regions: dict(weight=..., scales=(1.0,), least_pixels=64, count=...): draw the mean embedding of
            connected parts of the masks, so many drawn ones a batch or all, to the frozen encoder's embedding
            of their crops, so that names without masks are learned, too; None leaves it out.
        finetune_text: the encoder's text tower learns, too, as an own copy; the paper's is frozen.
        kwargs: of `OpenVocabularySegmentor`; `test_cfg.mode` may be 'multi_scale' with the options of
            `MultiScale`: the official evaluation.

    Raises:
        ConfigError: parts that don't fit each other.
    """

    align_corners = True

    def __init__(self, backbone: dict, decoder: dict, smoothing: dict | None = None,
                 logit_scale: float = LOGIT_SCALE, pixels: dict | None = None, regions: dict | None = None,
                 finetune_text: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backbone = MODELS.build(backbone)
        self.decoder = DPTDecoder(**decoder)
        self.to_joint = nn.Conv2d(self.decoder.channels, self.embed_dim, 1)
        self.smoothing = None if smoothing is None else LabelSmoothing(**smoothing)
        self.logit_scale = logit_scale
        self.tuned_text = TunedText(kwargs["encoder"]) if finetune_text else None
        self.pixels = _options(pixels, "pixels", {"count": 4096, "object_share": 0.5})
        self.regions = _options(regions, "regions",
                                {"weight": 1.0, "scales": (1.0,), "least_pixels": 64, "count": None})
        if self.pixels and self.smoothing:
            raise ConfigError("pixels are drawn from unsmoothed scores; leave out pixels or smoothing.")
        if self.regions and (self.encoder is None or not hasattr(self.data_preprocessor, "mean")):
            raise ConfigError("regions need an encoder, and a data_preprocessor with mean and std, to make "
                              "crops of the inputs; set both or leave out regions.")

    def _check_mode(self) -> None:
        if self.test_cfg.get("mode") != MULTI_SCALE:
            super()._check_mode()
            return
        options = {key: value for key, value in self.test_cfg.items()
                   if key not in ("mode", "keep_logits", "budget")}
        try:
            self.evaluation = MultiScale(**options)
        except TypeError as error:
            raise ConfigError(f"test_cfg of mode 'multi_scale' isn't right ({error}); give the options of "
                              "clip_plugins.segmentation.lseg.inference.MultiScale.") from error

    def set_vocabulary(self, vocabulary: Vocabulary | TextEmbeddings | Sequence[str] | str) -> None:
        """Take other names; see `HeldVocabulary`. A text tower that learns embeds them as it is now."""
        if self.tuned_text is not None and not isinstance(vocabulary, TextEmbeddings):
            vocabulary = self.tuned_text.take(Vocabulary.load(vocabulary))
        super().set_vocabulary(vocabulary)

    # Pixels -> scores

    def decode(self, inputs: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels -> (B, C, h, w) at stride 4, of the image padded to whole cells."""
        pixels = padded_to(inputs, COARSEST).contiguous(memory_format=torch.channels_last)  # faster on CPUs
        return self.decoder(self.backbone(pixels))

    def joint(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) of `decode` -> embeddings (B, D, h, w) at stride 4, not normalised."""
        return self.to_joint(self.decoder.fusions[0].project(maps))

    def embed(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) of `decode` -> embeddings (B, D, 2h, 2w) at stride 2, not normalised."""
        return double(self.joint(maps))

    def pixel_embeddings(self, inputs: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels -> unit embeddings (B, D, H/2, W/2), rounded up."""
        height, width = inputs.shape[-2:]
        return unit_map(self.embed(self.decode(inputs)).float())[..., :-(-height // 2), :-(-width // 2)]

    def extract_feat(self, inputs: Tensor) -> DecodedMaps:
        """What scores of any names are made of; see `DecodedMaps`."""
        maps = self.decode(inputs)
        with torch.autocast(maps.device.type, enabled=False):
            return DecodedMaps.of(maps.float(), *fold(self.decoder.fusions[0].project.conv, self.to_joint))

    def name_scores(self, features: DecodedMaps, text: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores (B, n, H, W) of some names, by the shortcut of `DecodedMaps`."""
        return self.enlarged(self.half_scores(features, text), size)

    def half_scores(self, features: DecodedMaps, text: Tensor) -> Tensor:
        """(B, n, H/2, W/2), smoothed where the model smooths."""
        with torch.autocast(features.maps.device.type, enabled=False):
            scores = features.cosines(F.normalize(text.float(), dim=-1), self.logit_scale)
        if self.smoothing is None:
            return scores
        if features.peaks is None:
            features.peaks = self.smoothing.find_peaks(lambda: self._all_cosines(features))
        return self.smoothing(scores, features.peaks)

    def _all_cosines(self, features: DecodedMaps) -> Iterator[Tensor]:
        text = F.normalize(self.columns_on(features.maps.device).float(), dim=-1)
        for part in name_chunks(len(text), features.lengths.numel(), self.budget):
            yield features.cosines(text[part], self.logit_scale)

    def enlarged(self, scores: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores at stride 2 -> (H, W): doubled, then cut where `decode` has padded."""
        whole = tuple(side + -side % COARSEST for side in size)
        return resize_map(scores, whole, self.align_corners)[..., :size[0], :size[1]]

    # Learning

    def loss(self, inputs: Tensor, data_samples: Sequence[SegDataSample]) -> dict[str, Tensor]:
        """Losses of a batch: of pixels, and of regions where the config asks for it.

        Raises:
            DataError: a mask holds a label that is no name's.
        """
        labels = self.targets(data_samples)
        text = self.text_on(inputs.device) if self.tuned_text is None else self.tuned_text(inputs.device)
        text = F.normalize(text.float(), dim=-1)
        embeddings = self.joint(self.decode(inputs))
        with torch.autocast(inputs.device.type, enabled=False):  # cosines are multiplied by 14
            found = {"loss_pixels": self.loss_of_pixels(double(embeddings), text, labels)}
        if self.regions:
            regions = without_padding(labels, [sample.metainfo for sample in data_samples])
            found["loss_regions"] = self.loss_of_regions(inputs, unit_map(embeddings.float()), regions)
        return found

    def loss_of_pixels(self, embeddings: Tensor, text: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy of all pixels, or of drawn ones.

        Args:
            embeddings: (B, D, H/2, W/2).
            text: (N, D) unit rows.
            labels: (B, H, W).
        """
        if self.pixels:
            places = losses.draw_pixels(labels, self.pixels["count"], self.pixels["object_share"],
                                        self.background_label(), self.ignore_index)
            size = tuple(side + -side % COARSEST for side in labels.shape[-2:])
            drawn = losses.sample_unit(embeddings, places, size)  # P×D: the product is linear in it
            return losses.pixel_loss(self.logit_scale * drawn @ text.T, labels[tuple(places.T)],
                                     self.ignore_index)
        scores = text_scores(unit_map(embeddings.float()), text, self.logit_scale)
        if self.smoothing is not None:
            scores = self.smoothing(scores)
        return losses.pixel_loss(self.enlarged(scores, labels.shape[-2:]), labels, self.ignore_index)

    def loss_of_regions(self, inputs: Tensor, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Weighted distance of the regions' mean embeddings from those of their crops.

        Args:
            inputs: (B, 3, H, W) normalised pixels.
            embeddings: (B, D, H/4, W/4) of unit length.
            labels: (B, H, W), of `without_padding`.
        """
        numbers, boxes = mask_regions(labels, self.background_label(), self.regions["least_pixels"])
        if self.regions["count"] is not None:
            numbers, boxes = draw_regions(numbers, boxes, self.regions["count"])
        count = sum(map(len, boxes))
        if not count:
            return embeddings.sum() * 0
        preprocessor = self.data_preprocessor
        targets = embed_crops(inputs, boxes, self.encoder, preprocessor.mean, preprocessor.std,
                              self.regions["scales"])
        numbers = F.pad(numbers, (0, -numbers.shape[-1] % COARSEST, 0, -numbers.shape[-2] % COARSEST))
        means, seen = losses.region_means(embeddings, numbers, count)
        return self.regions["weight"] * losses.region_loss(means, targets, seen)

    def background_label(self) -> int | None:
        """Label of the name that stands for everything else, None where the vocabulary lacks it."""
        name = self.background["name"] if self.background else None
        return self.names.index(name) if name in self.names else None

    # Testing

    @property
    def budget(self) -> int:
        """Scores in memory at a time; more in mode 'multi_scale', which looks anew for each chunk."""
        default = BUDGET if self.test_cfg.mode != MULTI_SCALE else MULTI_SCALE_BUDGET
        return self.test_cfg.get("budget", default)

    def look(self, inputs: Tensor) -> list:
        """Features of each window; in mode 'multi_scale', whose windows would fill the memory, the inputs."""
        return [inputs] if self.test_cfg.mode == MULTI_SCALE else super().look(inputs)

    def join_windows(self, windows: list, part: slice, shape: Sequence[int]) -> Tensor:
        """See `OpenVocabularySegmentor`; in mode 'multi_scale' the summed scores of all scales."""
        if self.test_cfg.mode != MULTI_SCALE:
            return super().join_windows(windows, part, shape)
        inputs, mean = windows[0], getattr(self.data_preprocessor, "mean", None)
        text = self.columns_on(inputs.device)[part]
        black = inputs.new_zeros(3) if mean is None else (-mean / self.data_preprocessor.std).flatten()

        def network(crops: Tensor) -> Tensor:
            return self.name_scores(self.extract_feat(crops), text, tuple(crops.shape[-2:]))
        return torch.cat([self.evaluation.scores(image[None], network, black) for image in inputs])


def _options(given: dict | None, what: str, defaults: dict) -> dict | None:
    if given is None:
        return None
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise ConfigError(f"{what} has no options {unknown}; choose from {sorted(defaults)}.")
    return {**defaults, **given}
