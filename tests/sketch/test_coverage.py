import math

import pytest
import torch

from clip_plugins.sketch.coverage import band_coverage, shadow_of


def covered(distance, half_width, angle, points=400):
    """The share of a pixel's grid of points inside of the band."""
    line = (torch.arange(points, dtype=torch.float64) + 0.5) / points - 0.5
    along = line[:, None] * math.cos(angle) + line[None] * math.sin(angle)
    return ((along + distance).abs() < half_width).double().mean().item()


@pytest.mark.parametrize("angle", [0.0, 0.2, math.pi / 4, 1.3, math.pi / 2, 2.5])
@pytest.mark.parametrize(("distance", "half_width"), [(0, 0.2), (0.3, 0.25), (0.6, 0.4), (1.4, 1.5),
                                                      (1.9, 1.5), (0, 2), (3, 1)])
def test_coverage_is_the_area_of_the_band_in_the_pixel(distance, half_width, angle):
    normal = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    lengths = torch.tensor([[distance], [half_width]], dtype=torch.float64)
    value, _ = band_coverage(*lengths, shadow_of(*normal[:, None]))
    assert value.item() == pytest.approx(covered(distance, half_width, angle), abs=4e-3)


def test_slopes_are_the_derivatives():
    torch.manual_seed(0)
    distance = torch.rand(200, dtype=torch.float64) * 2
    half_width = torch.rand(200, dtype=torch.float64) + 0.05
    angle = torch.rand(200, dtype=torch.float64) * 6

    def coverage(d, r, a):
        return band_coverage(d, r, shadow_of(a.cos(), a.sin()), with_slopes=False)[0]

    _, slopes = band_coverage(distance, half_width, shadow_of(angle.cos(), angle.sin()))
    step = 1e-6
    for slope, plus in zip(slopes, ((step, 0, 0), (0, step, 0), (0, 0, step))):
        up = coverage(distance + plus[0], half_width + plus[1], angle + plus[2])
        down = coverage(distance - plus[0], half_width - plus[1], angle - plus[2])
        torch.testing.assert_close(slope, (up - down) / (2 * step), atol=1e-5, rtol=1e-4)


def test_wide_bands_need_no_far_edge():
    distance, half_width = torch.linspace(0, 3, 50), torch.full((50,), 1.2)
    shadow = shadow_of(torch.full((50,), 0.6), torch.full((50,), 0.8))
    near, near_slopes = band_coverage(distance, half_width, shadow, is_thin=False)
    both, both_slopes = band_coverage(distance, half_width, shadow)
    torch.testing.assert_close(near, both)
    torch.testing.assert_close(torch.stack(near_slopes), torch.stack(both_slopes))
