"""Memory and time of an iteration of a config's own model on random images: no data, no trained weights."""

from __future__ import annotations

import copy
import resource
import time
from typing import Any

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor

from clip_plugins.vocabulary import TextEmbeddings

EMBED_DIM = 512  # of ViT-B/32


def build_real_model(config: Config, names: int) -> torch.nn.Module:
    """The config's detector with random weights and random unit embeddings in place of its encoder's.

    Args:
        config: of a detector, with or without ViLD's second stage.
        names: size of the vocabulary.
    """
    init_default_scope(config.get("default_scope", "mmdet"))
    model = copy.deepcopy(config.model)
    model.backbone.init_cfg = None
    is_open = "encoder" in model.roi_head
    if is_open:
        model.roi_head.encoder, model.roi_head.embed_dim = None, EMBED_DIM
    torch.manual_seed(0)
    detector = revert_sync_batchnorm(MODELS.build(model))
    detector.init_weights()
    if is_open:
        give_names(detector, names)
    return detector


def give_names(detector: torch.nn.Module, names: int) -> None:
    """A vocabulary of so many names with random unit embeddings."""
    rows = torch.nn.functional.normalize(torch.randn(names, EMBED_DIM), dim=1)
    detector.roi_head.set_vocabulary(TextEmbeddings(tuple(f"name {k}" for k in range(names)), rows))


def random_batch(images: int, side: int, boxes: int, proposals: int, names: int) -> dict[str, list]:
    """Noise with truth and cached proposals, as a dataloader gives it.

    Args:
        images: of the batch.
        side: of an image, pixels.
        boxes: true ones of an image, with masks.
        proposals: with embeddings, of an image.
        names: the truth's labels are below it.
    """
    return {
        "inputs": [torch.randint(0, 256, (3, side, side), dtype=torch.uint8) for _ in range(images)],
        "data_samples": [_sample(side, boxes, proposals, names) for _ in range(images)],
    }


def _sample(side: int, boxes: int, proposals: int, names: int) -> DetDataSample:
    shape = (side, side)
    sample = DetDataSample(metainfo={"img_shape": shape, "ori_shape": shape, "scale_factor": (1.0, 1.0)})
    truth = _boxes(side, boxes)
    masks = np.zeros((boxes, side, side), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, truth.long().tolist()):
        mask[y1:y2, x1:x2] = 1
    sample.gt_instances = InstanceData(
        bboxes=truth, labels=torch.randint(0, names, (boxes,)), masks=BitmapMasks(masks, *shape)
    )
    embeddings = torch.nn.functional.normalize(torch.randn(proposals, EMBED_DIM), dim=1)
    sample.proposals = InstanceData(
        bboxes=_boxes(side, proposals), scores=torch.rand(proposals), embeddings=embeddings
    )
    return sample


def _boxes(side: int, count: int) -> Tensor:
    corner = 0.6 * side * torch.rand(count, 2)
    return torch.cat([corner, corner + side * (0.05 + 0.3 * torch.rand(count, 2))], dim=1)


def measure_iterations(
    config: Config, device: str = "cpu", iterations: int = 1, **sizes: Any
) -> dict[str, float]:
    """Seconds and peak memory of training and test iterations, after one that warms up on a GPU.

    Args:
        config: of the detector; its own `optim_wrapper` steps.
        device: 'cpu' or 'cuda'.
        iterations: measured ones of each kind; the fastest counts.
        sizes: of `random_batch`, and `test_names`.

    Returns:
        `train_s`, `train_mb`, `test_s`, `parameters` (millions).
    """
    test_names = sizes.pop("test_names")
    detector = build_real_model(config, sizes["names"]).to(device)
    is_open = hasattr(detector.roi_head, "set_vocabulary")
    if not is_open:
        sizes["names"] = 1
    wrapper = build_optim_wrapper(detector, config.optim_wrapper)
    rounds = iterations + (device != "cpu")
    batch = random_batch(**sizes)
    training = [
        _timed(lambda: detector.train_step(copy.deepcopy(batch), wrapper), device) for _ in range(rounds)
    ]
    peak = _peak_mb(device)
    detector.eval()
    if is_open:
        give_names(detector, test_names)
    with torch.no_grad():
        testing = [_timed(lambda: detector.test_step(copy.deepcopy(batch)), device) for _ in range(rounds)]
    millions = sum(weight.numel() for weight in detector.parameters()) / 1e6
    return {
        "train_s": min(training),
        "train_mb": peak,
        "test_s": min(testing),
        "parameters": round(millions, 1),
    }


def _timed(work: Any, device: str) -> float:
    start = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return round(time.perf_counter() - start, 3)


def _peak_mb(device: str) -> float:
    """Of the process on a CPU, of the tensors on a GPU."""
    if device == "cpu":
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return round(torch.cuda.max_memory_allocated() / 2**20)
