"""From uint8 to normalised pixels."""
import pytest
import torch

from clip_plugins.contrastive import ImageTextPreprocessor


def _batch() -> dict:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=generator)
    return {"inputs": pixels, "captions": ["a red star", "a ring left of a star", "a key", "a tree"]}


def test_normalisation_by_hand():
    preprocessor = ImageTextPreprocessor(mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.1))
    data = {"inputs": torch.full((1, 3, 2, 2), 255, dtype=torch.uint8), "captions": ["x"]}
    assert preprocessor(data)["inputs"][0, :, 0, 0].tolist() == pytest.approx([1.0, 2.4, 7.0])


def test_evaluation_does_not_augment():
    preprocessor = ImageTextPreprocessor((0.0,) * 3, (1.0,) * 3, flip=1.0, brightness=0.5, noise=0.1)
    batch = _batch()
    torch.testing.assert_close(preprocessor(batch)["inputs"], batch["inputs"] / 255)


def test_training_mirrors_all_but_the_captions_with_sides():
    preprocessor = ImageTextPreprocessor((0.0,) * 3, (1.0,) * 3, flip=1.0)
    batch = _batch()
    pixels = preprocessor(batch, training=True)["inputs"]
    expected = batch["inputs"] / 255
    torch.testing.assert_close(pixels[1], expected[1])
    torch.testing.assert_close(pixels[[0, 2, 3]], expected[[0, 2, 3]].flip(-1))


def test_other_fields_pass_and_statistics_stay_out_of_checkpoints():
    preprocessor = ImageTextPreprocessor((0.0,) * 3, (1.0,) * 3)
    assert preprocessor({**_batch(), "keys": ["a"] * 4})["keys"] == ["a"] * 4
    assert not preprocessor.state_dict()
