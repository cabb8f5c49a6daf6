"""Proposals of a two-stage mmdet config: its dataset, decoded once, and its RPN on groups of images."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.registry import TRANSFORMS
from torch import Tensor
from torch.utils.data import Dataset

from clip_plugins.compat import load_checkpoint
from clip_plugins.errors import CheckpointError, ConfigError, DataError
from clip_plugins.proposals.writer import DecodedImage

_FIRST_STAGE = ("backbone", "neck", "rpn_head")
_CANDIDATES = 1000  # boxes that the RPN hands over; suppression across levels and the choice of M come after
# Transforms of a test pipeline that proposals have no use for: the truth, and the cache that is being made.
_LEFT_OUT = ("LoadAnnotations", "LoadCachedProposals")


class ProposalImages(Dataset):
    """Every image of a dataset in the order of its ids, decoded once: as it is, and as the detector wants it.

    Args:
        dataset: of a config's dataloader; its pipeline isn't used.
        pipeline: test pipeline, from loading to packing.
    """

    def __init__(self, dataset: BaseDataset, pipeline: Sequence[Mapping[str, Any]]) -> None:
        self.dataset = dataset
        self.transforms = [TRANSFORMS.build(dict(config)) for config in flatten_pipeline(pipeline)]
        infos = ((dataset.get_data_info(index)["img_id"], index) for index in range(len(dataset)))
        self.index_of = dict(sorted(infos))
        if len(self.index_of) < len(dataset):
            doubled = len(dataset) - len(self.index_of)
            raise DataError(f"{doubled} images share their id with another; repair the annotation file.")

    @property
    def identifiers(self) -> list[int | str]:
        """All image ids, sorted."""
        return list(self.index_of)

    def __len__(self) -> int:
        return len(self.index_of)

    def __getitem__(self, identifier: int | str) -> DecodedImage:
        """The image of an id (a sampler gives ids).

        Raises:
            DataError: the pipeline loads no three-channel 8-bit image.
        """
        results = {**self.dataset.get_data_info(self.index_of[identifier]), "scale_factor": (1.0, 1.0)}
        pixels = None
        for transform in self.transforms:
            results = transform(results)
            if pixels is None and "img" in results:
                pixels = _to_rgb(results["img"])
        if pixels is None:
            raise DataError(f"the test pipeline loads no image (id {identifier!r}); begin it with LoadImage.")
        return DecodedImage(identifier, pixels, results)


class FirstStage:
    """Backbone, neck and RPN of a detector: candidate boxes in pixels of the image on disk.

    Args:
        model: config of a two-stage detector; its second stage isn't built.
        checkpoint: weights; those of a second stage are left alone.
        nms_iou: of the RPN's own suppression.
        device: where it runs.

    Raises:
        ConfigError: the detector has no RPN.
        CheckpointError: the checkpoint is missing or damaged, or lacks weights of the first stage.
    """

    def __init__(
        self, model: Mapping[str, Any], checkpoint: str, nms_iou: float, device: str = "cpu"
    ) -> None:
        if model.get("rpn_head") is None:
            raise ConfigError(f"{model.get('type')} has no rpn_head; name a two-stage config or --boxes.")
        config = ConfigDict({**model, "roi_head": None, "train_cfg": None})
        config.test_cfg = ConfigDict(rpn=_rpn_test_config(model, nms_iou), rcnn=None)
        self.detector = MODELS.build(config)
        _load_first_stage(self.detector, checkpoint)
        self.detector.to(device).eval()

    @torch.no_grad()
    def __call__(self, images: Sequence[DecodedImage]) -> list[tuple[Tensor, Tensor]]:
        """Boxes (K, 4) in pixels of the image on disk and scores (K,) of a group of images."""
        packed = [image.model_input for image in images]
        batch = {key: [item[key] for item in packed] for key in ("inputs", "data_samples")}
        batch = self.detector.data_preprocessor(batch, training=False)
        features = self.detector.extract_feat(batch["inputs"])
        found = self.detector.rpn_head.predict(features, batch["data_samples"], rescale=True)
        return [(instances.bboxes, instances.scores) for instances in found]


def build_dataset(config: Config, split: str) -> ProposalImages:
    """The images of a split, those without ground truth included.

    Args:
        config: with `<split>_dataloader`.
        split: 'train', 'val' or 'test'.

    Raises:
        ConfigError: the config has no such split, or it is a mixture of datasets.
    """
    loader = config.get(f"{split}_dataloader")
    if not loader:
        raise ConfigError(f"the config has no {split}_dataloader; choose another --split.")
    dataset = loader["dataset"]
    while "dataset" in dataset:  # RepeatDataset, ClassBalancedDataset, ...: the images are the inner one's
        dataset = dataset["dataset"]
    if "datasets" in dataset:
        raise ConfigError(f"{dataset['type']} mixes datasets, whose ids may clash; make one cache each.")
    dataset = {**dataset, "pipeline": [], "test_mode": True, "filter_cfg": None}
    return ProposalImages(DATASETS.build(dataset), test_pipeline(config))


def test_pipeline(config: Config) -> list[dict[str, Any]]:
    """The pipeline of the test dataset, or of the validation dataset.

    Raises:
        ConfigError: the config has neither.
    """
    for split in ("test", "val"):
        dataset = (config.get(f"{split}_dataloader") or {}).get("dataset", {})
        while "dataset" in dataset and "pipeline" not in dataset:
            dataset = dataset["dataset"]
        if dataset.get("pipeline"):
            return list(dataset["pipeline"])
    raise ConfigError("the config has no test pipeline to load images with; add a test_dataloader.")


def flatten_pipeline(pipeline: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A pipeline without truth and cached proposals; `KeepProposals` gives way to what it holds."""
    flat: list[Mapping[str, Any]] = []
    for config in pipeline:
        name = str(config["type"]).rsplit(".", 1)[-1]
        if name == "KeepProposals":
            flat += flatten_pipeline(config.get("transforms", ()))
        elif name not in _LEFT_OUT:
            flat.append(config)
    return flat


def first_stage_config(config: Config) -> dict[str, Any]:
    """What the proposals of a config depend on, apart from weights: for a fingerprint."""
    keys = (*_FIRST_STAGE, "data_preprocessor")
    parts = {key: config.model.get(key) for key in keys}
    return {**parts, "pipeline": flatten_pipeline(test_pipeline(config)), "candidates": _CANDIDATES}


def _rpn_test_config(model: Mapping[str, Any], nms_iou: float) -> dict[str, Any]:
    nms_pre = ((model.get("test_cfg") or {}).get("rpn") or {}).get("nms_pre", _CANDIDATES)
    return {
        "nms_pre": nms_pre,
        "max_per_img": _CANDIDATES,
        "nms": {"type": "nms", "iou_threshold": nms_iou},
        "min_bbox_size": 0,
    }


def _load_first_stage(detector: torch.nn.Module, checkpoint: str) -> None:
    weights = load_checkpoint(checkpoint)
    weights = weights.get("state_dict", weights)
    wanted = detector.state_dict()
    missing = [key for key in wanted if key not in weights or weights[key].shape != wanted[key].shape]
    if missing:
        raise CheckpointError(
            f"{checkpoint} lacks {len(missing)} weights of the first stage or has them in another size, such "
            f"as {missing[0]!r}; name a checkpoint of this config's detector."
        )
    detector.load_state_dict({key: weights[key] for key in wanted})


def _to_rgb(image: np.ndarray) -> Tensor:
    """BGR H×W×3 of mmdet's loaders -> (3, H, W) uint8 RGB, laid out as crops are cut fastest."""
    if image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"an image of shape {image.shape} has no three channels; load it in colour.")
    image = image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1)
