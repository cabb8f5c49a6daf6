import torch
from torch.nn import functional as F

from clip_plugins.segmentation.lseg.losses import (
    draw_pixels,
    pixel_loss,
    region_loss,
    region_means,
    sample_unit,
)
from tests.segmentation.lseg.models import draw


def test_ignored_pixels_dont_count():
    scores, labels = draw(1, 3, 2, 2), torch.tensor([[[0, 255], [255, 2]]])
    expected = F.cross_entropy(scores[0, :, [0, 1], [0, 1]].T, torch.tensor([0, 2]))
    torch.testing.assert_close(pixel_loss(scores, labels), expected)


def test_a_batch_without_labels_has_loss_zero_and_a_graph():
    scores = draw(1, 3, 2, 2).requires_grad_()
    loss = pixel_loss(scores, torch.full((1, 2, 2), 255))
    loss.backward()
    assert loss == 0 and not scores.grad.any()


def test_half_of_the_drawn_pixels_are_of_objects():
    labels = torch.zeros(2, 40, 40, dtype=torch.long)
    labels[0, :4, :4], labels[1, 30:] = 3, 255
    places = draw_pixels(labels, 400, 0.5, background=0)
    drawn = labels[tuple(places.T)]
    assert len(places) == 400 and not (drawn == 255).any()
    assert (drawn[:200] == 3).all() and (drawn[200:] == 0).float().mean() > 0.9


def test_without_objects_only_the_rest_is_drawn():
    assert len(draw_pixels(torch.zeros(1, 4, 4, dtype=torch.long), 10, 0.5, background=0)) == 5
    assert not len(draw_pixels(torch.full((1, 4, 4), 255), 10, 0.5, background=0))


def test_sampling_equals_resizing():
    maps, size = draw(2, 3, 5, 7), (20, 28)
    unit = F.normalize(maps, dim=1)
    whole = F.interpolate(unit, size=size, mode="bilinear", align_corners=True)
    places = torch.stack(torch.meshgrid(*map(torch.arange, (2, *size)), indexing="ij"), dim=-1).flatten(0, 2)
    torch.testing.assert_close(sample_unit(maps, places, size), whole.permute(0, 2, 3, 1).flatten(0, 2),
                               atol=1e-5, rtol=1e-5)


def test_maps_of_half_precision_are_interpolated_in_float32():
    maps, places = draw(1, 5, 4, 4).bfloat16(), torch.tensor([[0, 1, 2], [0, 7, 5]])
    found = sample_unit(maps, places, (8, 8))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, sample_unit(maps.float(), places, (8, 8)))


def test_means_are_of_the_regions_own_cells():
    embeddings = F.normalize(draw(1, 4, 4, 4), dim=1)
    regions = torch.zeros(1, 8, 8, dtype=torch.long)
    regions[0, :4, :4], regions[0, 4:, 4:] = 1, 2
    means, seen = region_means(embeddings, regions, 3)
    torch.testing.assert_close(means[0], F.normalize(embeddings[0, :, :2, :2].flatten(1).sum(1), dim=0))
    assert seen.tolist() == [True, True, False]


def test_equal_regions_have_no_loss_and_unseen_ones_dont_count():
    rows = F.normalize(draw(3, 4), dim=1)
    other = torch.cat([rows[:2], -rows[2:]])
    assert region_loss(rows, other, torch.tensor([True, True, False])) < 1e-6
    assert region_loss(rows, other, torch.tensor([False, False, True])) > 1.9
    assert region_loss(rows, other, torch.zeros(3, dtype=torch.bool)) == 0
