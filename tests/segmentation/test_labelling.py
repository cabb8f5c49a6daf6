import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ShapeError
from clip_plugins.segmentation.labelling import (
    RunningBest,
    best_names,
    label_pixels,
    name_chunks,
    resize_map,
    slide_windows,
    text_scores,
    unit_map,
)

DRAW = torch.Generator().manual_seed(0)
MAP, TEXT = torch.randn(2, 6, 5, 7, generator=DRAW), torch.randn(40, 6, generator=DRAW)
OFFSET = torch.randn(40, generator=DRAW)


def test_scores_are_products_with_scale_and_offset():
    expected = 3 * torch.einsum("bdhw,nd->bnhw", MAP, TEXT) + OFFSET[:, None, None]
    torch.testing.assert_close(text_scores(MAP, TEXT, 3.0, OFFSET), expected)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("budget", [1, 2 * 11 * 13 * 7, 1 << 24])
def test_labels_equal_the_arg_max_of_all_resized_maps(budget, align_corners):
    scores = resize_map(text_scores(unit_map(MAP), TEXT, 5.0, OFFSET), (11, 13), align_corners)
    labels, best = label_pixels(unit_map(MAP), TEXT, (11, 13), scale=5.0, offset=OFFSET,
                                align_corners=align_corners, budget=budget)
    assert torch.equal(labels, scores.argmax(1))
    torch.testing.assert_close(best, scores.amax(1))


def test_chunks_cover_all_names_and_keep_to_the_budget():
    parts = list(name_chunks(10, pixels=100, budget=350))
    assert [(part.start, part.stop) for part in parts] == [(0, 3), (3, 6), (6, 9), (9, 10)]


def test_of_equal_scores_the_first_name_wins():
    same = torch.ones(1, 2, 3, 3)
    labels, _ = best_names([same, same])
    assert not labels.any()


def test_one_name_labels_everything():
    labels, _ = label_pixels(MAP, TEXT[:1], (5, 7))
    assert not labels.any()


def test_no_names_are_an_error():
    with pytest.raises(ShapeError, match="no names"):
        label_pixels(MAP, TEXT[:0], (5, 7))


def test_other_widths_and_numbers_are_refused():
    with pytest.raises(ShapeError, match="N×6"):
        text_scores(MAP, TEXT[:, :5])
    with pytest.raises(ShapeError, match="40 names"):
        text_scores(MAP, TEXT, offset=OFFSET[:3])


def test_running_best_takes_single_images_too():
    best = RunningBest()
    best.add(torch.tensor([[[1.0]], [[3.0]]]))
    best.add(torch.tensor([[[4.0]]]))
    assert best.labels.tolist() == [[2]] and best.scores.tolist() == [[4.0]]


def test_windows_cover_the_image_and_stay_inside():
    assert slide_windows((10, 4), (6, 6), (4, 4)) == [(0, 6, 0, 4), (4, 10, 0, 4)]
