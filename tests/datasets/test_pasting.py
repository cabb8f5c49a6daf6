"""Objects of other images on free places of a scene."""
import numpy as np
import pytest

from clip_plugins.datasets import PasteObjects
from clip_plugins.errors import ConfigError

BACKGROUND, IGNORED = 2, 255


class Scenes:
    """A dataset that MultiImageMixDataset could wrap."""

    metainfo = {"classes": ("cat", "dog", "background")}

    def __len__(self) -> int:
        return 5


def scene(*objects: tuple[tuple, int], side: int = 40) -> dict:
    """Image and mask; an object's pixels are 100 + its label."""
    mask = np.full((side, side), BACKGROUND, np.uint8)
    for window, label in objects:
        mask[window] = label
    image = np.where(mask == BACKGROUND, 0, mask.astype(int) + 100).clip(0, 255).astype(np.uint8)
    return {"img": np.repeat(image[..., None], 3, axis=2), "gt_seg_map": mask}


def paste(here: dict, *others: dict, **options) -> dict:
    np.random.seed(0)
    transform = PasteObjects(images=len(others), **options)
    transform.get_indices(Scenes())
    return transform({**here, "mix_results": list(others)})


def test_images_are_drawn_from_the_dataset():
    found = PasteObjects(images=50).get_indices(Scenes())
    assert len(found) == 50 and set(found) == set(range(5))


def test_an_objects_pixels_move_with_their_labels():
    found = paste(scene(), scene((np.s_[3:9, 4:12], 1)))
    pasted = found["gt_seg_map"] == 1
    assert pasted.sum() == 48
    assert (found["img"][pasted] == 101).all() and (found["img"][~pasted] == 0).all()


def test_nothing_is_covered_but_background():
    here = scene((np.s_[0:20], 0))
    found = paste(here, *[scene((np.s_[0:9, 0:9], 1))] * 8)
    assert (found["gt_seg_map"][:20] == 0).all() and (found["img"][:20] == 100).all()
    assert (found["gt_seg_map"] == 1).any()


def test_an_object_without_a_place_is_left_out():
    here = scene((np.s_[:], 0))
    assert (paste(here, scene((np.s_[0:9, 0:9], 1)))["gt_seg_map"] == 0).all()
    assert (paste(scene(), scene((np.s_[:], 1), side=60))["gt_seg_map"] == BACKGROUND).all()


@pytest.mark.parametrize("labelled_only, expected", [(False, True), (True, False)])
def test_ignored_objects_come_along_unless_refused(labelled_only, expected):
    found = paste(scene(), scene((np.s_[3:9, 4:12], IGNORED)), labelled_only=labelled_only)
    assert bool((found["gt_seg_map"] == IGNORED).any()) is expected


def test_the_items_themselves_stay_as_they_were():
    here, other = scene(), scene((np.s_[3:9, 4:12], 1))
    paste(here, other)
    assert (here["gt_seg_map"] == BACKGROUND).all() and (here["img"] == 0).all()


def test_bad_settings_are_told():
    with pytest.raises(ConfigError, match="at least 1"):
        PasteObjects(images=0)
    with pytest.raises(ConfigError, match="'sky'"):
        PasteObjects(background="sky").get_indices(Scenes())
