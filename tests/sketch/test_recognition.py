import pytest
import torch

from clip_plugins.encoders import build_encoder
from clip_plugins.errors import ConfigError, VocabularyError
from clip_plugins.registry import MODELS
from tests.sketch.small import TINY


@pytest.fixture(scope="module")
def judge():
    names = ["star", "ring", "apple"]
    return MODELS.build({"type": "clip_plugins.SketchJudge", "encoder": TINY, "names": names})


def test_probabilities_are_clips_with_the_papers_prompt(judge):
    sketches = torch.rand(3, 3, 64, 64)
    encoder = build_encoder(TINY)
    texts = encoder.encode_texts(["a sketch of a star", "a sketch of a ring", "a sketch of an apple"])
    images = encoder.encode_image(encoder.preprocess.normalize(sketches), normalize=True)
    expected = (encoder.logit_scale * images @ texts.T).softmax(1)
    assert judge.probabilities(sketches, batch_size=2).allclose(expected, atol=1e-5)


def test_accuracy_is_the_share_of_true_names(judge):
    sketches = torch.rand(4, 3, 48, 48)
    named = [judge.names[best] for best in judge.probabilities(sketches).argmax(1)]
    assert judge.accuracy(sketches, named) == 100
    wrong = ["star" if name != "star" else "ring" for name in named[:1]] + named[1:]
    assert judge.accuracy(sketches, wrong) == 75 and judge.accuracy(sketches, wrong, top=3) == 100


def test_names_that_it_lacks_are_told(judge):
    with pytest.raises(VocabularyError, match="key"):
        judge.accuracy(torch.rand(1, 3, 32, 32), ["key"])
    with pytest.raises(ConfigError, match="give them all"):
        judge.accuracy(torch.rand(2, 3, 32, 32), ["star"])
