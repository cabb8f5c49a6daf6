import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation import DenseCLIPSegmentor

TINY = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}


def test_labels_are_of_the_encoders_own_dense_features():
    segmentor = DenseCLIPSegmentor(encoder=TINY)
    segmentor.set_vocabulary(["red star", "blue ring", "green heart"])
    pixels = torch.randn(1, 3, 64, 64)
    dense = torch.nn.functional.normalize(segmentor.encoder.dense(pixels), dim=1)
    best = torch.einsum("bdhw,nd->bnhw", dense, segmentor.text_on(pixels.device)).argmax(1)
    found = segmentor.predict(pixels)[0].pred_sem_seg.data
    assert found.shape == (1, 64, 64) and torch.equal(found[:, ::63, ::63], best[:, ::1, ::1])


def test_there_is_nothing_to_train():
    with pytest.raises(ConfigError, match="nothing to train"):
        DenseCLIPSegmentor(encoder=TINY).loss(torch.zeros(1, 3, 64, 64), [])
    with pytest.raises(ConfigError, match="encoder"):
        DenseCLIPSegmentor(embed_dim=3)
