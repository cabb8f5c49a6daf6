import torch

from clip_plugins.sketch.chords import MAX_CHORDS, Grid, bernstein, chord_counts, flatten
from tests.sketch.lines import scribble, stroke


def test_chords_are_as_flat_as_asked():
    strokes = scribble(1, 6, side=200)
    points, widths = strokes.points[0], strokes.half_widths[0]
    chords = flatten(points, widths, Grid(1, 400, 400, 1), flatness=0.02)
    middles = (chords.weights * 0).sum((0, 1))
    for number in range(6):
        count = int((chords.stroke == number).sum())
        t = (torch.arange(count, dtype=torch.float64) + 0.5) / count
        curve = (bernstein(t[None])[0][:, None] * points[number].T.T[:, :, None]).sum(0)
        chosen = chords.stroke == number
        middle = chords.start[:, chosen] + chords.along[:, chosen] / 2
        middles[chosen] = (curve - middle).norm(dim=0)
    assert 0.005 < middles.max() <= 0.02


def test_neighbours_share_their_end_exactly():
    strokes = scribble(1, 1, side=50, dtype=torch.float32)
    chords = flatten(strokes.points[0], strokes.half_widths[0], Grid(1, 50, 50, 1), 0.02)
    ends = chords.start + chords.along
    torch.testing.assert_close(ends[:, :-1], chords.start[:, 1:], atol=1e-5, rtol=0)


def test_a_dot_is_one_chord_and_a_far_curve_has_a_limit():
    dot, far = stroke((5, 5)).points[0], stroke((0, 0), (1e6, 1e6), (-1e6, 1e6), (9, 9)).points[0]
    reach = torch.ones(1, dtype=torch.float64)
    assert chord_counts(dot, reach, 0.02).item() == 1
    assert chord_counts(far, reach, 0.02).item() == MAX_CHORDS


def test_invisible_strokes_have_no_chords():
    strokes = stroke((-30, 5), (-10, 5))
    assert len(flatten(strokes.points[0], strokes.half_widths[0], Grid(1, 9, 9, 1), 0.02).stroke) == 0
