from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from clip_plugins.errors import DataError, ShapeError
from clip_plugins.sketch import Strokes, render
from clip_plugins.sketch.svg import PathLook, format_path, format_svg, read_svg, write_svg
from tests.sketch.lines import scribble

LOOK = 'fill="none" stroke="rgb(1, 2, 3)"'


def on_levels(strokes):
    """Colours that 8 bits hold."""
    colours = (strokes.colours * 255).round() / 255
    return Strokes(strokes.points, strokes.half_widths, colours, strokes.opacities)


def read(tmp_path, content):
    path = tmp_path / "drawing.svg"
    path.write_text(content)
    return read_svg(path)


def svg(*elements, attributes='width="20" height="10"'):
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{"".join(elements)}</svg>'


def test_strokes_come_back_exactly(tmp_path):
    strokes = on_levels(scribble(1, 6, side=224, dtype=torch.float32))
    strokes.points[0, 0, 0] = torch.tensor([1e-7, -123456.789])
    write_svg(tmp_path / "a.svg", strokes, (224, 300))
    drawing = read_svg(tmp_path / "a.svg")
    assert drawing.size == (224, 300)
    for name, value in vars(strokes).items():
        assert torch.equal(getattr(drawing.strokes, name), value), name
    write_svg(tmp_path / "b.svg", drawing.strokes, drawing.size)
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "a.svg").read_bytes()


def test_looks_outside_of_their_range_are_clamped(tmp_path):
    strokes = scribble(1, 1, dtype=torch.float32)
    strokes.opacities[:] = 1.07
    strokes.colours[:] = torch.tensor([-0.02, 1.2, 0.5])
    write_svg(tmp_path / "a.svg", strokes, (24, 24))
    written = (tmp_path / "a.svg").read_text()
    assert 'stroke-opacity="1"' in written and "rgb(0, 255, 128)" in written


@pytest.mark.parametrize(("is_official", "levels"), [(True, "rgb(-5, 306, 127)"),
                                                     (False, "rgb(0, 255, 128)")])
def test_the_official_way_of_rounding_is_an_option(is_official, levels):
    assert levels in format_path(np.zeros((4, 2)), PathLook(1.0, (-0.02, 1.2, 0.5), 1.0), is_official)


def test_several_segments_of_a_path_are_strokes(tmp_path):
    points = np.arange(14, dtype=np.float32).reshape(7, 2)
    drawing = read(tmp_path, format_svg([format_path(points, PathLook(2.0, (0, 0, 0), 0.5))], (10, 20)))
    assert drawing.strokes.points[0].tolist() == [points[:4].tolist(), points[3:].tolist()]
    assert drawing.strokes.half_widths.tolist() == [[2.0, 2.0]]


def test_a_title_is_escaped(tmp_path):
    title = "<script>alert(1)</script> & \"x\" \x07"
    write_svg(tmp_path / "a.svg", scribble(), (9, 9), title)
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root[0].text == title.replace("\x07", "\ufffd")


def test_nothing_is_left_where_writing_fails(tmp_path):
    strokes = scribble()
    strokes.points[0, 0, 0, 0] = float("nan")
    with pytest.raises(DataError, match="nan"):
        write_svg(tmp_path / "a.svg", strokes, (9, 9))
    assert not list(tmp_path.iterdir())


def test_one_file_holds_one_canvas(tmp_path):
    with pytest.raises(ShapeError, match="select"):
        write_svg(tmp_path / "a.svg", scribble(2), (9, 9))


def test_looks_are_inherited_and_styles_win(tmp_path):
    styled = 'stroke="blue" style="stroke:white; stroke-opacity:.5"'
    drawing = read(tmp_path, svg('<g stroke="#ff0000" stroke-width="4" opacity="0.5"><path d="M1 1L4 1"/>'
                                 f'<path d="M1 2L4 2" {styled}/></g>'))
    assert drawing.strokes.colours.tolist() == [[[1, 0, 0], [1, 1, 1]]]
    assert drawing.strokes.half_widths.tolist() == [[2, 2]]
    assert drawing.strokes.opacities.tolist() == [[0.5, 0.25]]


def test_a_view_box_scales(tmp_path):
    drawing = read(tmp_path, svg(f'<path d="M2 3L4 3" {LOOK}/>',
                                 attributes='width="20" height="10" viewBox="2 2 10 5"'))
    assert drawing.strokes.points[0, 0, 0].tolist() == [0, 2]
    assert drawing.strokes.half_widths.item() == 1
    assert read(tmp_path, svg(f'<path d="M2 3L4 3" {LOOK}/>', attributes='viewBox="0 0 8 4"')).size == (4, 8)


def test_fills_and_definitions_are_passed_over(tmp_path):
    drawing = read(tmp_path, svg('<!-- x --><rect width="20" height="10" fill="white"/><path d="M0 0L1 1"/>',
                                 f'<defs><path d="M0 0L1 1" {LOOK}/></defs><path d="M0 0L1 1" {LOOK}/>'))
    assert drawing.strokes.points.shape[1] == 1


@pytest.mark.parametrize(("content", "words"), [
    ("", "isn't XML"), ("<html/>", "begins with <html>"), (svg(), "no path has a stroke"),
    (svg(f'<circle r="3" {LOOK}/>'), "convert shapes"),
    (svg(f'<g transform="scale(2)"><path d="M0 0L1 1" {LOOK}/></g>'), "transform"),
    (svg(f'<path d="M0 0A1 1 0 0 0 2 2" {LOOK}/>'), "arcs"),
    (svg('<path d="M0 0L1 1" stroke="url(#a)"/>'), "colour"),
    (svg(f'<path d="M0 0L1 1" {LOOK} stroke-width="5%"/>'), "stroke-width"),
    (svg(attributes='width="20cm" height="5"'), "width"),
    (svg(attributes='width="20" height="5" viewBox="0 0 5 5"'), "proportions"),
    ('<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "entities"),
])
def test_what_can_not_be_read_is_named_with_its_file(tmp_path, content, words):
    with pytest.raises(DataError, match=rf"drawing\.svg: .*{words}"):
        read(tmp_path, content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.svg can't be read"):
        read_svg(tmp_path / "none.svg")


def test_an_independent_renderer_gives_the_same_picture(tmp_path):
    resvg = pytest.importorskip("resvg_py", reason="resvg-py, an independent renderer, isn't installed")
    strokes = on_levels(scribble(1, 12, side=96, dtype=torch.float32))
    path = tmp_path / "a.svg"
    write_svg(path, strokes, (96, 96))
    png = resvg.svg_to_bytes(svg_path=str(path), background="white")
    theirs = torch.from_numpy(np.array(Image.open(BytesIO(bytes(png))).convert("RGB"))).permute(2, 0, 1) / 255
    assert (render(strokes, (96, 96), "accurate")[0] - theirs).abs().mean() < 0.02
