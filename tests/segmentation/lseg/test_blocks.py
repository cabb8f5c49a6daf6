import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.lseg.blocks import DPTDecoder, Fusion, LabelSmoothing, Reassemble
from tests.segmentation.lseg.models import draw

NORM = {"type": "BN"}


def test_the_projection_commutes_with_the_upsampling():
    fusion, maps = Fusion(4, NORM).eval(), draw(1, 4, 5, 6)
    late = fusion.project(torch.nn.functional.interpolate(maps, size=(10, 12), mode="bilinear",
                                                          align_corners=True))
    torch.testing.assert_close(fusion.rise(maps, (10, 12)), late, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("scales", "sides"), [((4, 2, 1, 0.5), (24, 12, 6, 3)),
                                               ((8, 4, 2, 1), (48, 24, 12, 6)),
                                               ((2, 1, 0.5, 0.25), (12, 6, 3, 2))])
def test_tokens_are_reassembled_at_four_strides(scales, sides):
    reassemble = Reassemble(8, (4, 4, 4, 4), scales)
    taps = [(draw(1, 8, 6, 6), draw(1, 8)) for _ in range(4)]
    assert tuple(maps.shape[-1] for maps in reassemble(taps)) == sides


def test_an_odd_grid_is_fused_at_the_finer_maps_size():
    decoder = DPTDecoder((4, 4, 4, 4), 6).eval()
    taps = [(draw(1, 4, side, side), None) for side in (20, 10, 5, 3)]
    assert decoder(taps).shape == (1, 6, 20, 20)


@pytest.mark.parametrize("kind", ["bottleneck", "depthwise"])
def test_depths_zero_and_one_are_equal(kind):
    none, one = (LabelSmoothing(kind, depth=depth) for depth in (0, 1))
    one.load_state_dict(none.state_dict())
    assert torch.equal(none(draw(1, 3, 4, 4)), one(draw(1, 3, 4, 4)))


@pytest.mark.parametrize("kind", ["bottleneck", "depthwise"])
def test_peaks_from_chunks_smooth_a_chunk_as_all_names_do(kind):
    smoothing, scores = LabelSmoothing(kind, "tanh", depth=3), draw(2, 7, 5, 6)
    peaks = smoothing.find_peaks(lambda: iter(scores.split(3, dim=1)))
    torch.testing.assert_close(smoothing(scores[:, 2:4], peaks), smoothing(scores)[:, 2:4])


@pytest.mark.parametrize("options", [{"kind": "conv"}, {"activation": "gelu"}, {"depth": -1}])
def test_smoothing_that_doesnt_exist_is_refused(options):
    with pytest.raises(ConfigError):
        LabelSmoothing(**options)


def test_an_unknown_readout_is_refused():
    with pytest.raises(ConfigError, match="readout"):
        Reassemble(8, (4, 4, 4, 4), readout="mean")
