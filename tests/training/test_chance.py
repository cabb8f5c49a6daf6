"""Chance by place: all three libraries, nothing of what was drawn before."""
import random

import numpy as np
import torch

from clip_plugins.training.chance import DATA, MODEL, seed_chance


def draw(*place: int) -> tuple[float, float, float]:
    seed_chance(*place)
    return random.random(), float(np.random.rand()), torch.rand(1).item()


def test_the_same_place_draws_the_same():
    first = draw(DATA, 0, 0, 7)
    torch.rand(5)
    assert draw(DATA, 0, 0, 7) == first


def test_every_part_of_the_place_counts():
    places = [(DATA, 0, 0, 0), (MODEL, 0, 0, 0), (DATA, 1, 0, 0), (DATA, 0, 1, 0), (DATA, 0, 0, 1)]
    drawn = [draw(*place) for place in places]
    for library in range(3):
        assert len({one[library] for one in drawn}) == len(places)
