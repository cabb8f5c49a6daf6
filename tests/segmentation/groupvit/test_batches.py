import pytest
import torch
from mmengine.structures import BaseDataElement

pytest.importorskip("mmseg")

from clip_plugins.contrastive import caption_keys
from clip_plugins.errors import ShapeError
from clip_plugins.segmentation.groupvit.batches import MAX_NOUNS, CaptionBatch, GroupViTPreprocessor
from tests.segmentation.groupvit.tiny import caption_batch

CPU = torch.device("cpu")


def preprocessor(**options) -> GroupViTPreprocessor:
    return GroupViTPreprocessor([0.5, 0.4, 0.3], [0.5, 0.5, 0.5], flip=0.0, **options)


def image(height: int, width: int) -> torch.Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8)


def test_texts_are_captions_followed_by_their_prompts():
    batch = CaptionBatch.of(caption_batch(), CPU)
    assert batch.texts[:3] == ("a red star", "a photo of a red star.", "a red star") and len(batch.texts) == 6
    assert batch.nouns.shape == (2, 2) and batch.contained.shape == (2, MAX_NOUNS)


def test_equal_nouns_have_equal_numbers_and_all_nouns_are_contained():
    batch = CaptionBatch.of(caption_batch(), CPU)
    star = caption_keys(["red star"])[0]
    assert batch.nouns[0, 0] == star and star in batch.contained[0] and star in batch.contained[1]
    assert caption_keys(["blue ring"])[0] not in batch.contained[0]


def test_test_images_come_as_bgr_and_captions_as_rgb():
    pixels = image(4, 4)
    tested = preprocessor()({"inputs": [pixels], "data_samples": [BaseDataElement()]})["inputs"][0]
    expected = (pixels.flip(0).float() / 255 - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / 0.5
    torch.testing.assert_close(tested, expected)
    samples = caption_batch()[:1]
    trained = preprocessor()({"inputs": [pixels], "data_samples": samples}, training=True)["inputs"][0]
    torch.testing.assert_close(trained, preprocessor().normalised(pixels))


def test_test_images_of_several_sizes_are_filled_up_and_their_samples_know_it():
    samples = [BaseDataElement(), BaseDataElement()]
    data = preprocessor()({"inputs": [image(4, 9), image(7, 5)], "data_samples": samples})
    assert data["inputs"].shape == (2, 3, 7, 9)
    assert [sample.padding_size for sample in data["data_samples"]] == [[0, 0, 0, 3], [0, 4, 0, 0]]
    assert not data["inputs"][1, :, :, 5:].any()


def test_training_images_of_several_sizes_are_refused():
    with pytest.raises(ShapeError, match=r"\(4, 9\), \(7, 5\)"):
        preprocessor()({"inputs": [image(4, 9), image(7, 5)], "data_samples": caption_batch()}, True)
