import pytest
import torch

from clip_plugins.errors import ShapeError
from clip_plugins.proposals.embed import embed_regions, sum_scales
from tests.proposals.fake import MeanEncoder


def grey(value: int, size: int = 40) -> torch.Tensor:
    return torch.full((3, size, size), value, dtype=torch.uint8)


def test_both_scales_are_summed_raw_and_normalised_once():
    rows = torch.tensor([[[3.0, 0.0]], [[0.0, 4.0]]])
    assert sum_scales(rows).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]


def test_an_embedding_is_the_unit_sum_of_its_crops():
    image = grey(0)
    image[:, 9:31, 9:31] = 255  # the window of the box at 1×; at 1.5× it is 22/32 of each side
    (embedding,) = embed_regions([image], [torch.tensor([[10.0, 10, 30, 30]])], MeanEncoder())
    inner = resampled_mean(image)
    expected = torch.tensor([1 + inner, 1 + inner, 1 + inner, 2])
    torch.testing.assert_close(embedding[0], expected / expected.norm())


def resampled_mean(image: torch.Tensor) -> float:
    from clip_plugins.proposals.crops import crop_windows, resample_crops

    windows = crop_windows(torch.tensor([[10.0, 10, 30, 30]]), 1.5)
    return float(resample_crops(image, windows, 8).float().mean() / 255)


def test_crops_of_several_images_share_full_batches_and_come_back_to_their_image():
    encoder = MeanEncoder()
    boxes = [torch.tensor([[5.0, 5, 20, 20]]).repeat(count, 1) for count in (3, 0, 4)]
    embeddings = embed_regions([grey(50), grey(100), grey(200)], boxes, encoder, scales=(1.0,), batch_size=5)
    assert encoder.batches == [5, 2]
    assert [len(rows) for rows in embeddings] == [3, 0, 4]
    for value, rows in zip((50, 100, 200), embeddings):
        expected = torch.tensor([value / 255] * 3 + [1.0])
        torch.testing.assert_close(rows, (expected / expected.norm()).expand(len(rows), 4))


def test_images_without_boxes_give_empty_embeddings_and_no_encoder_call():
    encoder = MeanEncoder()
    (rows,) = embed_regions([grey(1)], [torch.zeros(0, 4)], encoder)
    assert rows.shape == (0, 4) and encoder.batches == []


def test_one_list_of_boxes_an_image_is_required():
    with pytest.raises(ShapeError, match="1 images come with 0"):
        embed_regions([grey(1)], [], MeanEncoder())
