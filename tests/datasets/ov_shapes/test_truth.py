import dataclasses

import numpy as np
import pytest

from clip_plugins.datasets.ov_shapes import sample_scene
from clip_plugins.datasets.ov_shapes.appearance import Background
from clip_plugins.datasets.ov_shapes.names import CATEGORY_ID
from clip_plugins.datasets.ov_shapes.scene import Layout, Scene, ShapeObject, image_ids
from clip_plugins.datasets.ov_shapes.truth import background_box, semantic_map, visible_objects

GREY = Background((0.4, 0.4, 0.4), (0.4, 0.4, 0.4), "plain", 0.0, 20.0, 0.0, 0)
SQUARE = ShapeObject("red", "square", (40.0, 40.0), 20.0, 0.0, 1.0, False, 0.5)


def scene_of(*objects: ShapeObject) -> Scene:
    return Scene("val", 1, GREY, objects)


def test_a_whole_square_has_its_own_box_and_area():
    (found,) = visible_objects(scene_of(SQUARE))
    assert found.box == (30.0, 30.0, 20.0, 20.0)
    assert found.area == 400.0
    assert found.visible_share == 1.0
    assert len(found.polygons) == 1
    assert len(found.polygons[0]) == 8  # four corners


def test_box_and_area_follow_the_visible_part():
    above = dataclasses.replace(SQUARE, centre_px=(55.0, 40.0), size_px=20.0)
    below, _ = visible_objects(scene_of(SQUARE, above))
    assert below.box == (30.0, 30.0, 15.0, 20.0)
    assert below.area == 300.0
    assert below.visible_share == 0.75


def test_polygons_cover_what_is_seen_holes_left_out():
    mask_tools = pytest.importorskip("pycocotools.mask")
    for number in image_ids("test", 15):
        scene = sample_scene("test", number)
        layout = Layout(scene.objects)
        for index, found in enumerate(visible_objects(scene, layout), start=1):
            blocks = (layout.owner == index).reshape(160, 4, 160, 4)
            seen = blocks.mean(axis=(1, 3)) >= 0.5
            rles = mask_tools.frPyObjects([list(p) for p in found.polygons], 160, 160)
            drawn = mask_tools.decode(mask_tools.merge(rles)).astype(bool)
            assert (seen & drawn).sum() / (seen | drawn).sum() > 0.8


def test_a_ring_keeps_its_hole():
    mask_tools = pytest.importorskip("pycocotools.mask")
    (found,) = visible_objects(scene_of(dataclasses.replace(SQUARE, noun="ring", size_px=60.0)))
    rle = mask_tools.merge(mask_tools.frPyObjects([list(p) for p in found.polygons], 160, 160))
    assert mask_tools.decode(rle)[40, 40] == 0
    assert abs(mask_tools.area(rle) - found.area) < 0.05 * found.area


def test_semantic_maps_hold_category_ids_and_mark_what_has_no_label():
    novel = dataclasses.replace(SQUARE, noun="heart", centre_px=(100.0, 100.0))
    layout = Layout((SQUARE, novel))
    labelled = semantic_map(layout)
    assert labelled.dtype == np.uint8
    assert labelled[40, 40] == CATEGORY_ID["red square"]
    assert labelled[100, 100] == CATEGORY_ID["red heart"]
    assert labelled[5, 5] == 0
    assert semantic_map(layout, {"red square"})[100, 100] == 255


def test_a_background_box_touches_no_object():
    layout = Layout(sample_scene("test", 30000005).objects)
    rng = np.random.default_rng(0)
    boxes = [box for box in (background_box(layout, rng) for _ in range(20)) if box]
    assert boxes
    for x, y, width, height in boxes:
        inside = layout.owner[int(y) * 4 : int(y + height) * 4, int(x) * 4 : int(x + width) * 4]
        assert not inside.any()
