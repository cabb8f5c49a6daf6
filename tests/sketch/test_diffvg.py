import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from clip_plugins.errors import ConfigError
from clip_plugins.registry import RASTERISERS
from clip_plugins.sketch import render
from tests.sketch.lines import scribble, stroke

CONFIG = {"type": "clip_plugins.PydiffvgRasteriser"}


def test_without_pydiffvg_one_sentence_names_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydiffvg", None)
    with pytest.raises(ConfigError, match="TorchRasteriser"):
        RASTERISERS.build(CONFIG)


@pytest.fixture
def asked(monkeypatch):
    """A library of pydiffvg's form that remembers its scene and paints everything half red."""
    seen = []

    def apply(width, height, across, down, seed, background, *scene):
        seen.append(SimpleNamespace(shapes=scene[2], groups=scene[3], samples=(across, down), seed=seed))
        return torch.tensor([1.0, 0, 0, 0.5]).expand(height, width, 4)

    library = ModuleType("pydiffvg")
    library.__spec__ = SimpleNamespace()
    library.Path = library.ShapeGroup = SimpleNamespace
    library.RenderFunction = SimpleNamespace(serialize_scene=lambda *scene: scene, apply=apply)
    monkeypatch.setitem(sys.modules, "pydiffvg", library)
    return seen


def test_every_canvas_is_asked_for_with_half_widths(asked):
    picture = RASTERISERS.build(CONFIG)(scribble(2, 3), (5, 7))
    assert picture.shape == (2, 3, 5, 7) and picture.dtype == torch.float64
    assert picture[1, :, 2, 2].tolist() == [1, 0.5, 0.5]  # half red on white
    assert len(asked) == 2 and [len(scene.shapes) for scene in asked] == [3, 3]
    strokes = scribble(2, 3)
    torch.testing.assert_close(asked[1].shapes[2].stroke_width, strokes.half_widths[1, 2].float())
    torch.testing.assert_close(asked[0].groups[1].stroke_color[3], strokes.opacities[0, 1].float())


def test_the_real_library_paints_about_the_same():
    pytest.importorskip("pydiffvg", reason="pydiffvg, the official rasteriser, isn't installed")
    strokes = stroke((3, 3), (4, 20), (20, 4), (21, 21), half_width=1.5, dtype=torch.float32)
    error = RASTERISERS.build(CONFIG)(strokes, (24, 24)) - render(strokes, (24, 24), "accurate")
    assert error.abs().mean() < 0.03
