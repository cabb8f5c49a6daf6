import random

import pytest
import torch

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.sketch.saliency import attention_rows, control_points
from clip_plugins.sketch.start import MAX_STROKES, StrokeStart
from tests.sketch.test_saliency import square

VIT = {"type": "clip_plugins.TinyCLIP", "variant": "vit", "pretrained": False}


def test_points_wander_by_half_of_the_reach_at_most():
    strokes = control_points([(0.5, 0.25)] * 9, 100, random.Random(0), reach=0.05)
    assert strokes.shape == (9, 4, 2) and strokes[:, 0].allclose(torch.tensor([50.0, 25.0]))
    steps = strokes.diff(dim=1).abs()
    assert steps.max() <= 2.5 and steps.max() > 1.5


@pytest.mark.parametrize("source", ["saliency", "attention", "edges", "contours", "uniform"])
def test_every_source_gives_repeatable_strokes_by_seed(source):
    start = StrokeStart(source, encoder=VIT)
    strokes = start(square(), 5, [0, 1000])
    assert strokes.shape == (2, 5, 4, 2) and strokes.isfinite().all()
    assert torch.equal(strokes[1:], start(square(), 5, [1000])) and not torch.equal(strokes[0], strokes[1])


@pytest.mark.parametrize(("patch", "image"), [(16, 48), (8, 72)])
def test_attention_has_any_grid_of_patches(patch, image):
    tower = {"layers": 2, "width": 64, "head_width": 32, "patch_size": patch, "image_size": image}
    text = {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
    encoder = {"type": "clip_plugins.OpenCLIP",
               "model": {"embed_dim": 16, "vision_cfg": tower, "text_cfg": text}}
    start = StrokeStart("saliency", encoder=encoder)
    rows = attention_rows(torch.rand(3, image, image), start.encoder)
    assert rows.shape == (2, image // patch, image // patch)
    assert start(square(), 5, [0]).shape == (1, 5, 4, 2)


def test_salient_starts_lie_on_edges():
    first = StrokeStart("contours")(square(), 12, [0])[0, :, 0]
    distances = torch.stack([(first - edge).abs() for edge in (12, 36)]).amin(0).amin(1)
    assert distances.max() <= 3


def test_longer_strokes_are_an_option():
    short, long = (StrokeStart("uniform", reach=reach)(square(), 20, [0])[0] for reach in (0.05, 0.5))
    assert long.diff(dim=1).norm(dim=2).mean() > 5 * short.diff(dim=1).norm(dim=2).mean()
    laid = StrokeStart("contours", edge_length=0.25)(square(), 6, [0])[0]
    assert (laid[:, 3] - laid[:, 0]).norm(dim=1).allclose(torch.full((6,), 12.0), atol=1e-3)


@pytest.mark.parametrize("count", [0, -1, MAX_STROKES + 1])
def test_impossible_numbers_of_strokes_are_refused(count):
    with pytest.raises(ConfigError, match="use 1 to 1,000"):
        StrokeStart("uniform")(square(), count, [0])


def test_a_picture_without_edges_names_the_cure():
    with pytest.raises(DataError, match="source='uniform'"):
        StrokeStart("edges")(torch.ones(3, 32, 32), 4, [0])


@pytest.mark.parametrize("wrong", [
    {"source": "dino"}, {"source": "saliency"}, {"source": "uniform", "reach": 0},
    {"source": "saliency", "encoder": {**VIT, "variant": "resnet"}}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        StrokeStart(**wrong)
