import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.encoders import build_encoder
from clip_plugins.segmentation.lseg.regions import (
    draw_regions,
    embed_crops,
    mask_regions,
    without_padding,
)

TINY = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}


def masks() -> torch.Tensor:
    labels = torch.zeros(2, 32, 32, dtype=torch.long)
    labels[0, 2:12, 3:9], labels[0, 2:12, 20:30], labels[0, 20:30, 20:30] = 1, 1, 255
    labels[1, 0:2, 0:2] = 5
    return labels


def test_connected_parts_are_regions_whatever_their_label():
    numbers, boxes = mask_regions(masks(), background=0, least_pixels=16)
    assert [box.tolist() for box in boxes[0]] == [[3, 2, 9, 12], [20, 2, 30, 12], [20, 20, 30, 30]]
    assert len(boxes[1]) == 0 and numbers.max() == 3
    assert numbers[0, 5, 5] == 1 and numbers[0, 25, 25] == 3


def test_without_background_every_pixel_belongs_to_a_region():
    numbers, _ = mask_regions(masks(), background=None, least_pixels=1)
    assert (numbers > 0).all()


def test_padding_is_no_region():
    padded = without_padding(torch.full((1, 32, 32), 255), [{"padding_size": (0, 12, 0, 20)}])
    numbers, boxes = mask_regions(padded, background=0, least_pixels=16)
    assert [box.tolist() for box in boxes[0]] == [[0, 0, 20, 12]] and not numbers[0, 12:].any()
    assert torch.equal(without_padding(masks(), [{}, {}]), masks())


def test_crops_are_those_of_the_unnormalised_image():
    encoder = build_encoder(TINY)
    mean, std = torch.tensor([10.0, 20, 30]).view(3, 1, 1), torch.tensor([2.0, 3, 4]).view(3, 1, 1)
    pixels = torch.randint(256, (1, 3, 64, 64)).float()
    boxes = [torch.tensor([[0.0, 0, 32, 32], [10, 10, 60, 50]])]
    plain = embed_crops(pixels, boxes, encoder, torch.zeros(3, 1, 1), torch.ones(3, 1, 1), (1.0,))
    undone = embed_crops((pixels - mean) / std, boxes, encoder, mean, std, (1.0,))
    torch.testing.assert_close(undone, plain)
    torch.testing.assert_close(plain.norm(dim=1), torch.ones(2))


def test_drawn_regions_are_renumbered_and_the_others_are_outside():
    torch.manual_seed(0)
    numbers, boxes = mask_regions(masks(), background=0, least_pixels=1)  # 3 and 1
    kept, left = draw_regions(numbers, boxes, count=2)
    assert sum(map(len, left)) == 2 and kept.unique().tolist() == [0, 1, 2]
    for number, box in enumerate(torch.cat(left).long(), start=1):
        image, rows, columns = (kept == number).nonzero(as_tuple=True)
        assert len(image.unique()) == 1
        extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert box.tolist() == [int(side) for side in extent]


def test_few_regions_are_all_kept():
    numbers, boxes = mask_regions(masks(), background=0, least_pixels=1)
    kept, left = draw_regions(numbers, boxes, count=9)
    assert torch.equal(kept, numbers) and torch.equal(torch.cat(left), torch.cat(boxes))
