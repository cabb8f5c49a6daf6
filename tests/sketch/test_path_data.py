import pytest

from clip_plugins.errors import DataError
from clip_plugins.sketch.path_data import read_segments


@pytest.mark.parametrize(("data", "ends"), [
    ("M1 2C3 4 5 6 7 8", [(1 + 2j, 7 + 8j)]),
    ("m1,2c3-4,5 6 .5.5", [(1 + 2j, 1.5 + 2.5j)]),
    ("M0 0 3 0 3 3z", [(0, 3), (3, 3 + 3j), (3 + 3j, 0)]),
    ("M0 0H4V5h-1v-2", [(0, 4), (4, 4 + 5j), (4 + 5j, 3 + 5j), (3 + 5j, 3 + 3j)]),
    ("M 0 0 C 1 1 2 2 3 3 4 4 5 5 6 6", [(0, 3 + 3j), (3 + 3j, 6 + 6j)]),
    ("M1e1 2E-1L0 0M5 5l1 1", [(10 + 0.2j, 0), (5 + 5j, 6 + 6j)]),
    ("M1 1", []),
    ("", []),
])
def test_commands_lead_from_end_to_end(data, ends):
    found = [(segment[0], segment[3]) for segment in read_segments(data)]
    assert len(found) == len(ends)
    assert all(pair == pytest.approx(wanted) for pair, wanted in zip(found, ends))


def test_smooth_curves_mirror_the_last_control_point():
    assert read_segments("M0 0C0 1 2 3 4 4S8 9 9 9")[1][1] == 6 + 5j
    assert read_segments("M1 1S8 9 9 9")[0][1] == 1 + 1j


def test_quadratics_are_raised():
    first, second = read_segments("M0 0Q3 3 6 0T12 0")
    assert first == pytest.approx((0, 2 + 2j, 4 + 2j, 6))
    assert second == pytest.approx((6, 8 - 2j, 10 - 2j, 12))


@pytest.mark.parametrize("data", ["M0 0A1 1 0 0 0 2 2", "L1 1", "1 2", "M0 0C1 2 3", "M0 0L1", "M0 0Z3 4",
                                  "M0 x", "M0 0 nan 1"])
def test_what_is_no_path_is_refused(data):
    with pytest.raises(DataError, match="path"):
        read_segments(data)
