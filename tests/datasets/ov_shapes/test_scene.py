import dataclasses

import numpy as np
import pytest

from clip_plugins.datasets.ov_shapes import raster
from clip_plugins.datasets.ov_shapes.scene import (
    IMAGE_PX,
    MIN_VISIBLE,
    Layout,
    ShapeObject,
    image_ids,
    sample_scene,
)

SQUARE = ShapeObject("red", "square", (40.0, 40.0), 20.0, 0.0, 1.0, False, 0.5)


def moved(x: float, y: float) -> ShapeObject:
    return dataclasses.replace(SQUARE, centre_px=(x, y))


def test_equal_arguments_describe_equal_scenes():
    assert sample_scene("train", 7, seed=3) == sample_scene("train", 7, seed=3)


@pytest.mark.parametrize("other", [("train", 8, 3), ("train", 7, 4)])
def test_another_id_or_seed_describes_another_scene(other):
    assert sample_scene(*other).objects != sample_scene("train", 7, 3).objects


def test_splits_share_no_image_id():
    ids = [set(image_ids(split, 20_000)) for split in ("train", "captions", "val", "test", "drawings")]
    assert len(set.union(*ids)) == 100_000


def test_scenes_hold_one_to_six_objects_of_20_to_72_pixels():
    scenes = [sample_scene("val", number) for number in image_ids("val", 60)]
    counts = {len(scene.objects) for scene in scenes}
    sizes = [item.size_px for scene in scenes for item in scene.objects]
    assert counts == {1, 2, 3, 4, 5, 6}
    assert min(sizes) >= 20
    assert max(sizes) <= 72


def test_at_least_seven_tenths_of_every_silhouette_are_seen():
    side = IMAGE_PX * raster.SUPERSAMPLING
    for number in image_ids("test", 40):
        covered = np.zeros((side, side), bool)
        for item in reversed(sample_scene("test", number).objects):
            big = [contour * raster.SUPERSAMPLING for contour in item.contours()]
            margin = 200
            whole = raster.fill([contour + margin for contour in big], side + 2 * margin, side + 2 * margin)
            seen = whole[margin:-margin, margin:-margin] & ~covered
            assert seen.sum() >= MIN_VISIBLE * whole.sum()
            covered |= seen


def test_an_object_that_would_hide_too_much_is_refused():
    layout = Layout()
    assert layout.add(moved(40, 40), MIN_VISIBLE)
    assert not layout.add(moved(47, 40), MIN_VISIBLE)  # hides 13 of 20 columns
    assert layout.add(moved(55, 40), MIN_VISIBLE)  # hides 5 of 20: 25 %
    assert [round(v / t, 2) for v, t in zip(layout.visible, layout.totals)] == [0.75, 1.0]


def test_an_object_that_leaves_the_image_too_far_is_refused():
    assert not Layout().add(moved(2, 40), MIN_VISIBLE)
    assert Layout().add(moved(8, 40), MIN_VISIBLE)


def test_a_fifth_of_the_caption_pictures_are_drawings():
    drawn = [sample_scene("captions", number).sketch is not None for number in image_ids("captions", 300)]
    assert 0.13 < np.mean(drawn) < 0.27
    assert all(sample_scene("drawings", number).sketch for number in image_ids("drawings", 10))
    assert not any(sample_scene("test", number).sketch for number in image_ids("test", 10))
