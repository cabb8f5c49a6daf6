"""The language of an SVG path's `d`: commands -> cubic segments."""
from __future__ import annotations

import re
from collections.abc import Iterator

from clip_plugins.errors import DataError

Segment = tuple[complex, complex, complex, complex]  # control points, x + yj

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TOKEN = re.compile(rf"\s*,?\s*(?:({NUMBER})|([MmLlHhVvCcSsQqTtZz]))")
_VALUES = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "Z": 0}


def read_segments(data: str) -> list[Segment]:
    """Every piece of a path as a cubic; lines have equal thirds, quadratics are raised.

    Raises:
        DataError: an arc, or what is no path.
    """
    segments: list[Segment] = []
    here = begin = control = 0j
    before = ""
    for letter, values in _commands(data):
        kind = letter.upper()
        if kind == "Z":
            points = [begin]
            if here != begin:
                segments.append(_line(here, begin))
        else:
            points = _points(kind, values, here, here if letter.islower() else 0j)
        end = points[-1]
        mirrored = 2 * here - control if before and before in {"S": "CS", "T": "QT"}.get(kind, "") else here
        if kind == "M":
            begin = end
        elif kind in "LHV":
            segments.append(_line(here, end))
        elif kind in "CS":
            segments.append((here, *([mirrored, *points] if kind == "S" else points)))
            control = points[-2]
        elif kind in "QT":
            control = mirrored if kind == "T" else points[0]
            segments.append((here, here + (control - here) * 2 / 3, end + (control - end) * 2 / 3, end))
        here, before = end, kind
    return segments


def _points(kind: str, values: list[float], here: complex, base: complex) -> list[complex]:
    if kind == "H":
        return [complex(values[0] + base.real, here.imag)]
    if kind == "V":
        return [complex(here.real, values[0] + base.imag)]
    return [base + complex(x, y) for x, y in zip(values[::2], values[1::2])]


def _line(start: complex, end: complex) -> Segment:
    return start, start + (end - start) / 3, end - (end - start) / 3, end


def _commands(data: str) -> Iterator[tuple[str, list[float]]]:
    """Every command with its numbers; repeated numbers repeat the command (after M: L)."""
    letter, values = "", []
    for number, command in _tokens(data):
        if command:
            _refuse_rest(letter, values, data)
            if not letter and command not in "Mm":
                raise DataError(f"a path must begin with M, not {_shown(data)}; write the SVG anew.")
            letter = command
            if letter in "Zz":
                yield letter, []
            continue
        values.append(float(number))
        if letter in ("", "Z", "z"):
            raise DataError(f"a path has numbers without a command: {_shown(data)}; write the SVG anew.")
        if len(values) == _VALUES[letter.upper()]:
            yield letter, values
            values = []
            letter = {"M": "L", "m": "l"}.get(letter, letter)
    _refuse_rest(letter, values, data)


def _tokens(data: str) -> Iterator[tuple[str, str]]:
    place, data = 0, data.rstrip()
    while place < len(data):
        found = _TOKEN.match(data, place)
        if found is None:
            raise DataError(f"a path can't be read at {_shown(data[place:])}; arcs and errors aren't read, "
                            "convert arcs to Bézier curves in an editor.")
        yield found[1] or "", found[2] or ""
        place = found.end()


def _refuse_rest(letter: str, values: list[float], data: str) -> None:
    if values:
        raise DataError(f"a path's command {letter} has too few numbers or {len(values)} too many: "
                        f"{_shown(data)}; write the SVG anew.")


def _shown(data: str) -> str:
    return repr(data if len(data) <= 40 else data[:40] + "...")
