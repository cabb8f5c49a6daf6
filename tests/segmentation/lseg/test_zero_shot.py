import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError, DataError
from tests.segmentation.lseg.models import DIM, draw, lseg, name, truth

PIXELS = draw(2, 3, 64, 64)


def zero_shot(**others):
    model = lseg(names=None, type="clip_plugins.LSegZeroShot")
    name(model, draw(4, DIM, seed=1), **others)
    return model


def asked(*labels: int | None) -> list:
    samples = truth(*torch.zeros(len(labels), 64, 64, dtype=torch.long))
    for sample, label in zip(samples, labels):
        if label is not None:
            sample.set_metainfo({"class_label": label})
    return samples


def test_every_image_asks_for_its_own_class():
    model = zero_shot(background=draw(DIM, seed=2))
    with torch.no_grad():
        alone, both = (model.predict(pixels, samples)[-1].pred_sem_seg.data for pixels, samples in (
            (PIXELS[1:], asked(3)), (PIXELS, asked(0, 3))))
    assert torch.equal(alone, both) and set(both.unique().tolist()) <= {0, 1}


def test_boundaries_are_background_in_training():
    model = zero_shot(background=draw(DIM, seed=2))
    plain, bounded = asked(0, 1), asked(0, 1)
    for sample in bounded:
        sample.gt_sem_seg.data[..., :8] = 255
    with torch.no_grad():
        assert model.loss(PIXELS, plain)["loss_pixels"] == model.loss(PIXELS, bounded)["loss_pixels"]


@pytest.mark.parametrize("label", [None, 4, -1])
def test_an_image_that_asks_for_no_known_class_is_refused(label):
    with pytest.raises(DataError, match="class_label"):
        zero_shot(background=draw(DIM, seed=2)).predict(PIXELS[:1], asked(label))


def test_embeddings_without_others_are_refused():
    with pytest.raises(ConfigError, match="background"):
        zero_shot().predict(PIXELS[:1], asked(0))


def test_names_bring_the_text_of_everything_else():
    model = lseg(names=None, type="clip_plugins.LSegZeroShot", embed_dim=None,
                 encoder={"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False})
    model.set_vocabulary(["red star", "blue ring"])
    assert model.pairs(asked(1), PIXELS.device).shape == (1, 2, 128)
