"""The same table from several seeds: mean and spread."""
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clip_plugins.cli.walk import markdown_table, write_summary
from clip_plugins.errors import DataError
from clip_plugins.files import write_atomically

SPREAD = "_spread"


def mean_and_spread(tables: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One table of the means; beside each figure `<name>_spread`, its standard deviation (0 for one seed).

    Args:
        tables: one a seed, with equal rows and columns (see `Walk.table`).
    """
    merged = []
    for same_row in zip(*tables, strict=True):
        row: dict[str, Any] = {"method": same_row[0]["method"]}
        for name in (name for name in same_row[0] if name != "method"):
            values = [one[name] for one in same_row]
            row[name] = round(statistics.fmean(values), 2)
            row[name + SPREAD] = round(statistics.stdev(values), 2) if len(values) > 1 else 0.0
        merged.append(row)
    return merged


def spread_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of `mean_and_spread` as Markdown, `mean ± spread` in a cell."""
    names = [name for name in rows[0] if not name.endswith(SPREAD)]
    return markdown_table([
        {name: f"{row[name]:.1f} ± {row[name + SPREAD]:.1f}" if name + SPREAD in row else row[name]
         for name in names} for row in rows])


def require_marks(path: Path | None, mark: str) -> None:
    """See `write_between_marks`; hours of training shall not end in its error. None needs no marks.

    Raises:
        DataError: the file has no such marks.
    """
    if path is not None:
        _around_marks(path, mark)


def write_between_marks(path: Path, mark: str, table: str) -> None:
    """Replace what stands between `<!-- mark -->` and `<!-- end -->` in a Markdown file.

    Raises:
        DataError: the file has no such marks.
    """
    before, after = _around_marks(path, mark)
    write_atomically(path, f"{before}{table}{after}".encode())


def _around_marks(path: Path, mark: str) -> tuple[str, str]:
    """What stands before and after the table, the marks with it."""
    text = path.read_text()
    start, end = f"<!-- {mark} -->\n", "<!-- end -->"
    before, found, rest = text.partition(start)
    if not found or end not in rest:
        raise DataError(f"{path} has no lines '{start.strip()}' and '{end}'; put them where the table goes")
    return before + start, end + rest.partition(end)[2]


def report_seeds(tables: Sequence[Sequence[dict[str, Any]]], minutes: float, seeds: Sequence[int],
                 folder: Path, mark: str = "", readme: Path | None = None) -> str:
    """Write mean and spread of the same table from several seeds; gives them as Markdown.

    Args:
        tables: see `mean_and_spread`.
        minutes: that all took.
        seeds: one a table.
        folder: gets `summary.json` and `summary.md`.
        mark: where the table goes in `readme`, see `write_between_marks`.
        readme: Markdown file; None: none.

    Raises:
        DataError: the file has no such mark.
    """
    rows = mean_and_spread(tables)
    table = spread_table(rows)
    write_summary(folder, rows, minutes, list(seeds), table)
    if readme is not None:
        write_between_marks(readme, mark, table)
    return table
