import pytest
import torch

pytest.importorskip("mmseg")

from mmseg.structures import SegDataSample

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.evaluation.segmentation import pixel_counts
from clip_plugins.segmentation.calibration import OffsetSearch, object_margins
from tests.segmentation.tiny import COLOURS, colour_segmentor

PIXELS = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
GROUND = COLOURS.index("blue")


@pytest.mark.parametrize("budget", [1, 1 << 24])
@pytest.mark.parametrize("offset", [-0.4, 0.0, 0.3])
@pytest.mark.parametrize("metainfo", [
    {}, {"ori_shape": (17, 20)}, {"ori_shape": (22, 29), "img_padding_size": (0, 3, 0, 2)}])
def test_margins_say_what_an_offset_does_to_the_original_image(budget, offset, metainfo):
    model = colour_segmentor(test_cfg={"budget": budget})
    labels, margins = object_margins(model, PIXELS, GROUND, metainfo)
    sample = SegDataSample(metainfo=metainfo)
    colour_segmentor(background={"name": "blue", "offset": offset}).predict(PIXELS[None], [sample])
    assert torch.equal(torch.where(margins >= offset, labels, GROUND), sample.pred_sem_seg.data[0])


def test_the_offset_with_the_largest_miou_is_chosen():
    labels, margins = object_margins(colour_segmentor(), PIXELS, GROUND, {})
    truth = torch.where(margins >= 0.25, labels, GROUND)
    search = OffsetSearch((-0.5, 0.0, 0.25, 0.5), 3, GROUND)
    search.add(labels, margins, truth)
    assert search.best() == 0.25 and search.curve()[2] == 100


def test_counts_at_every_offset_are_those_of_the_labels_that_it_leaves():
    chance = torch.Generator().manual_seed(0)
    labels, truth = (torch.randint(1, 4, (40, 50), generator=chance) for _ in range(2))
    truth[torch.rand(40, 50, generator=chance) < 0.4] = 0
    truth[:3] = 255
    margins = torch.randint(-4, 5, (40, 50), generator=chance) / 4
    search = OffsetSearch((-0.5, 0.25, 0.3, 2.0), 4, background=0)
    search.add(labels, margins, truth)
    for offset, total in zip(search.offsets, search.totals):
        assert (total == pixel_counts(torch.where(margins >= offset, labels, 0), truth, 4).numpy()).all()


def test_of_equal_offsets_the_smallest_is_taken():
    search = OffsetSearch((-2.0, -1.0, 3.0), 2, 0)
    everywhere = torch.ones(2, 2, dtype=torch.long)
    search.add(everywhere, torch.full((2, 2), 5.0), everywhere)
    assert search.best() == -1.0


def test_without_labelled_pixels_or_offsets_there_is_nothing_to_choose():
    search = OffsetSearch((0.0,), 2, 0)
    search.add(torch.ones(1, 1, dtype=torch.long), torch.zeros(1, 1), torch.full((1, 1), 255))
    with pytest.raises(DataError, match="labelled"):
        search.best()
    with pytest.raises(ConfigError):
        OffsetSearch((), 2, 0)
