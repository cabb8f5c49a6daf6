import pytest
import torch

from clip_plugins import registry
from clip_plugins.detection.vild import boxes


def test_legacy_deltas_count_the_last_pixel():
    box, truth = torch.tensor([[0.0, 0, 9, 9]]), torch.tensor([[5.0, 0, 14, 9]])
    assert torch.equal(boxes.encode_boxes(box, truth), torch.tensor([[5.0, 0, 0, 0]]))  # 10 * 5 / 10


def test_decoding_undoes_encoding():
    corner, size = 100 * torch.rand(20, 2), 1 + 50 * torch.rand(20, 2)
    box, truth = torch.cat([corner, corner + size], 1), torch.cat([corner.flip(0), corner.flip(0) + size], 1)
    assert torch.allclose(boxes.decode_boxes(box, boxes.encode_boxes(box, truth)), truth, atol=1e-3)


def test_decoded_boxes_stay_inside_and_grow_at_most_by_62_and_a_half():
    box = torch.tensor([[50.0, 50, 59, 59]])
    grown = boxes.decode_boxes(box, torch.tensor([[0.0, 0, 99, 0]]))
    assert (grown[0, 2] - grown[0, 0] + 1).item() == pytest.approx(625.0)
    clipped = boxes.decode_boxes(box, torch.tensor([[0.0, 0, 99, 99]]), image_shape=(100, 200))
    assert clipped.tolist() == [[0, 0, 199, 99]]


def extractor(kind: str = "ViLDRoIExtractor", **options) -> torch.nn.Module:
    return registry.MODELS.build({"type": f"clip_plugins.{kind}", "roi_layer": {"output_size": 2},
                                  "out_channels": 1, "featmap_strides": [4], **options})


def ramp() -> torch.Tensor:
    """A map whose value is its column."""
    return torch.arange(8.0).expand(1, 1, 8, 8)


@pytest.mark.parametrize("extrapolate", [False, True])
def test_a_map_is_sampled_at_the_bin_centres_without_half_a_cell(extrapolate):
    maps = extractor(extrapolate=extrapolate)([ramp()], torch.tensor([[0.0, 8, 8, 24, 24]]))
    assert torch.allclose(maps[0, 0], torch.tensor([[3.0, 5.0], [3.0, 5.0]]))  # (8 + 4) / 4, (8 + 12) / 4


def test_a_region_smaller_than_a_cell_is_not_blown_up():
    maps = extractor()([ramp()], torch.tensor([[0.0, 8, 8, 10, 10]]))
    assert torch.allclose(maps[0, 0, 0], torch.tensor([2.125, 2.375]))


def test_outside_the_map_the_official_samples_extrapolate():
    maps = extractor(extrapolate=True)([ramp()], torch.tensor([[0.0, -8, 0, -4, 4]]))
    assert torch.allclose(maps[0, 0, 0], torch.tensor([-1.75, -1.25]))


def test_regions_are_sampled_in_float32_whatever_the_maps_are():
    layer = {"type": "RoIAlign", "output_size": 2, "sampling_ratio": 1}
    rois = torch.tensor([[0.0, 8, 8, 25, 24]])
    maps = extractor("Float32RoIExtractor", roi_layer=layer)([ramp().bfloat16()], rois)
    assert maps.dtype == torch.float32
    assert torch.allclose(maps[0, 0, 0], torch.tensor([2.5625, 4.6875]))


def test_inverted_regions_go_to_the_finest_level():
    found = extractor(featmap_strides=[4, 8]).map_roi_levels(torch.tensor([[0.0, 9, 0, 0, 9]]), 2)
    assert found.tolist() == [0]
