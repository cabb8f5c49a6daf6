import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.segmentation.lseg.inference import DecodedMaps, MultiScale, double, fold, padded_to
from tests.segmentation.lseg.models import draw


def colours(windows: torch.Tensor) -> torch.Tensor:
    return windows


@pytest.mark.parametrize("width", [4, 40])  # narrower and wider than the maps
def test_lengths_and_products_need_no_embeddings(width):
    maps, weight, bias, text = draw(2, 6, 5, 7), draw(width, 6), draw(width, seed=1), draw(3, width, seed=2)
    features = DecodedMaps.of(maps, weight, bias)
    embeddings = torch.einsum("dc,bchw->bdhw", weight, double(maps)) + bias[:, None, None]
    torch.testing.assert_close(features.lengths[:, 0], embeddings.norm(dim=1), atol=1e-4, rtol=1e-4)
    unit = torch.nn.functional.normalize(embeddings, dim=1)
    torch.testing.assert_close(features.cosines(text, 2.0), 2 * torch.einsum("bdhw,nd->bnhw", unit, text),
                               atol=1e-4, rtol=1e-4)


def test_two_convolutions_fold_into_one():
    first, second, maps = torch.nn.Conv2d(6, 5, 1), torch.nn.Conv2d(5, 9, 1), draw(1, 6, 3, 3)
    weight, bias = fold(first, second)
    folded = torch.nn.functional.conv2d(maps, weight[:, :, None, None], bias)
    torch.testing.assert_close(folded, second(first(maps)), atol=1e-5, rtol=1e-5)


def test_a_flat_image_keeps_its_colour_at_every_scale():
    image = torch.tensor([1.0, 2, 3]).view(1, 3, 1, 1).expand(1, 3, 20, 33)
    evaluator = MultiScale(base_size=40, crop_size=24, scales=(0.5, 1.0, 1.5), flip=True)
    scores = evaluator.scores(image, colours, torch.zeros(3))
    torch.testing.assert_close(scores / 6, image.contiguous())


def test_the_number_of_windows_a_pass_changes_nothing():
    image = draw(1, 3, 20, 33)
    one, many = (MultiScale(40, 24, (1.0, 1.5), batch_size=size).scores(image, colours, torch.zeros(3))
                 for size in (1, 8))
    torch.testing.assert_close(one, many)


def test_padding_gives_whole_cells():
    assert padded_to(draw(1, 3, 33, 64), 32).shape == (1, 3, 64, 64)
