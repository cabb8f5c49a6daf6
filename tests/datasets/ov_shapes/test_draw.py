import dataclasses
import hashlib

import numpy as np
import pytest

from clip_plugins.datasets.ov_shapes import render, sample_scene
from clip_plugins.datasets.ov_shapes.appearance import COLOUR_RANGES, Background, Surface, sample_colour
from clip_plugins.datasets.ov_shapes.scene import Scene, ShapeObject

GREY = Background((0.4, 0.4, 0.4), (0.4, 0.4, 0.4), "plain", 0.0, 20.0, 0.0, 0)
RED = Surface((1.0, 0.0, 0.0), "plain", 0.2, 0.0, 5.0, 0)
# of the pixels that this version draws; change them only together with build.VERSION
STORED = {
    ("train", 1, 0): "2cb0c068653d40c7",
    ("val", 20000001, 0): "4e64d2fd3f4257f7",
    ("test", 30000007, 0): "da10a7e037f9716f",
    ("test", 30000007, 1): "b6948ea244b7963f",
    ("captions", 10000003, 0): "46f6b2ceb17e4fbf",
    ("drawings", 40000001, 0): "7105315a4a00419d",
    ("drawings", 40000013, 0): "909f71f25874ec0d",
}


@pytest.mark.parametrize("key", STORED, ids=str)
def test_pixels_are_those_of_every_machine(key):
    pixels = render(sample_scene(*key))
    assert pixels.shape == (160, 160, 3)
    assert pixels.dtype == np.uint8
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == STORED[key]


def test_a_square_covers_its_pixels_and_blends_at_its_border():
    item = ShapeObject("red", "square", (80.0, 80.5), 20.0, 0.0, 1.0, False, 0.5, RED)
    pixels = render(Scene("val", 1, GREY, (item,)))
    assert pixels[80, 80].tolist() == [255, 0, 0]
    assert pixels[60, 80].tolist() == [102, 102, 102]
    assert pixels[70, 80].tolist() == pytest.approx([178.5, 51, 51], abs=0.5)  # half of the row is covered


def test_the_last_object_lies_on_top():
    below = ShapeObject("red", "square", (80.0, 80.0), 40.0, 0.0, 1.0, False, 0.5, RED)
    blue = dataclasses.replace(RED, colour=(0.0, 0.0, 1.0))
    above = dataclasses.replace(below, centre_px=(90.0, 80.0), surface=blue)
    assert render(Scene("val", 1, GREY, (below, above)))[80, 85].tolist() == [0, 0, 255]


def test_an_object_at_the_border_is_cut_there():
    item = ShapeObject("red", "square", (0.0, 159.0), 20.0, 0.0, 1.0, False, 0.5, RED)
    pixels = render(Scene("val", 1, GREY, (item,)))
    assert pixels[155, 5].tolist() == [255, 0, 0]
    assert pixels[155, 15].tolist() == [102, 102, 102]


def test_drawings_have_no_colour():
    for number in (40000001, 40000002, 40000003):
        pixels = render(sample_scene("drawings", number)).astype(int)
        assert np.ptp(pixels, axis=2).max() <= 1


@pytest.mark.parametrize("name", COLOUR_RANGES)
def test_sampled_colours_are_nearest_to_their_own_name(name):
    centres = {
        "red": (0.85, 0, 0), "orange": (0.96, 0.47, 0), "yellow": (0.95, 0.93, 0.1),
        "green": (0.1, 0.7, 0.15), "cyan": (0.15, 0.88, 0.9), "blue": (0.1, 0.2, 0.85),
        "purple": (0.5, 0.18, 0.7), "white": (1, 1, 1),
    }  # fmt: skip
    rng = np.random.default_rng(0)
    for _ in range(50):
        colour = np.array(sample_colour(rng, name))
        nearest = min(centres, key=lambda other: np.abs(colour - centres[other]).sum())
        assert nearest == name
