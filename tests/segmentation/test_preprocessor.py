import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.segmentation import MixedSizePreprocessor
from tests.segmentation.tiny import colour_segmentor, sample

OPTIONS = {"mean": [10.0, 20, 30], "std": [1.0, 2, 4], "bgr_to_rgb": True, "size_divisor": 8}


def batch(*sizes: tuple[int, int]) -> dict:
    draw = torch.Generator().manual_seed(0)
    images = [torch.randint(256, (3, *size), generator=draw, dtype=torch.uint8) for size in sizes]
    return {"inputs": images, "data_samples": [sample(ori_shape=size) for size in sizes]}


def test_images_of_two_sizes_are_padded_and_say_so():
    preprocessor, data = MixedSizePreprocessor(**OPTIONS), batch((10, 20), (16, 12))
    found = preprocessor(data, False)
    assert found["inputs"].shape == (2, 3, 16, 20)
    assert [one.img_padding_size for one in found["data_samples"]] == [(0, 0, 0, 6), (0, 8, 0, 0)]
    alone = preprocessor({"inputs": data["inputs"][:1], "data_samples": data["data_samples"][:1]}, False)
    assert torch.equal(found["inputs"][:1, :, :10], alone["inputs"])
    assert not found["inputs"][0, :, 10:].any()


def test_labels_have_the_sizes_of_the_originals():
    found = MixedSizePreprocessor(**OPTIONS)(batch((10, 20), (16, 12)), False)
    labels = colour_segmentor().predict(found["inputs"], found["data_samples"])
    assert [tuple(one.pred_sem_seg.data.shape) for one in labels] == [(1, 10, 20), (1, 16, 12)]


def test_equal_sizes_and_training_are_mmsegs_own_way():
    from mmseg.models import SegDataPreProcessor
    ours, theirs = MixedSizePreprocessor(**OPTIONS), SegDataPreProcessor(**OPTIONS)
    assert torch.equal(ours(batch((8, 8), (8, 8)))["inputs"], theirs(batch((8, 8), (8, 8)))["inputs"])
