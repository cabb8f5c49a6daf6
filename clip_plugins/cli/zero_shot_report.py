"""What `tools/zero_shot.py` writes: accuracies, tables, calibration. Letters: M pictures, N names."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from clip_plugins.cli.zero_shot import Answers
from clip_plugins.files import write_atomically
from clip_plugins.visualization import calibration, calibration_plot, save_picture

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def accuracies(answers: Answers, topk: Sequence[int] = (1, 5)) -> dict[str, float]:
    """Top-k accuracy in percent, and the expected calibration error.

    Args:
        answers: with labels.
        topk: the k; those above the number of names are left out.

    Returns:
        `top1`, `top5`, ..., `calibration_error` (0..1).
    """
    best = answers.probabilities.topk(min(max(topk), len(answers.names))).indices  # M x k
    hits = best == answers.labels[:, None]
    known = [k for k in topk if k <= len(answers.names)]
    found = {f"top{k}": 100 * hits[:, :k].any(1).float().mean().item() for k in known}
    confidences = answers.probabilities.max(1).values.numpy()
    return found | {"calibration_error": calibration(confidences, hits[:, 0].numpy()).error}


def class_rows(answers: Answers) -> list[dict[str, str | int | float]]:
    """One row a class that occurs: pictures, top-1 and top-5 in percent, the name most often taken instead.

    Args:
        answers: with labels.

    Returns:
        Rows with `name`, `pictures`, `top1`, `top5`, `mistaken_for`.
    """
    best = answers.probabilities.topk(min(5, len(answers.names))).indices  # M x 5
    rows = []
    for label in answers.labels.unique().tolist():
        mine = best[answers.labels == label]
        wrong = mine[:, 0][mine[:, 0] != label]
        instead = answers.names[int(wrong.mode().values)] if len(wrong) else ""
        top1, top5 = ((mine[:, :k] == label).any(1).float().mean().item() * 100 for k in (1, 5))
        rows.append(
            {
                "name": answers.names[label],
                "pictures": len(mine),
                "top1": round(top1, 1),
                "top5": round(top5, 1),
                "mistaken_for": instead,
            }
        )
    return rows


def write_answers(answers: Answers, folder: str | Path, topk: int = 5) -> Path:
    """Write `predictions.csv` and, where the truth is known, `classes.csv`, `classes.md`, `calibration.png`.

    `summary.json` has the counts, the accuracies and the pictures that couldn't be read.

    Args:
        answers: of `classify`.
        folder: is made.
        topk: names a picture in predictions.csv.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "predictions.csv", _csv(prediction_rows(answers, topk)))
    summary = {"pictures": len(answers.pictures.paths), "names": len(answers.names)}
    if answers.labels is not None:
        rows = class_rows(answers)
        write_atomically(folder / "classes.csv", _csv(rows))
        write_atomically(folder / "classes.md", markdown_table(rows).encode())
        confidences, found = answers.probabilities.max(1)
        plot = calibration_plot(confidences.numpy(), (found == answers.labels).numpy(), title="zero-shot")
        save_picture(plot, folder / "calibration.png")
        summary |= accuracies(answers)
    summary["unreadable"] = list(answers.unreadable)
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1, ensure_ascii=False).encode())
    return folder


def prediction_rows(answers: Answers, topk: int = 5) -> list[dict[str, str | float]]:
    """One row a picture: `file`, `truth` where known, and the best names with their probabilities.

    Args:
        answers: of `classify`.
        topk: names a picture.

    Returns:
        Rows with `name_1`, `probability_1`, `name_2`, ...
    """
    best = answers.probabilities.topk(min(topk, len(answers.names)))
    rows = []
    for index, path in enumerate(answers.pictures.paths):
        row = {"file": str(path)}
        if answers.labels is not None:
            row["truth"] = answers.names[answers.labels[index]]
        ranked = zip(best.indices[index].tolist(), best.values[index].tolist())
        for place, (name, probability) in enumerate(ranked, 1):
            row |= {f"name_{place}": answers.names[name], f"probability_{place}": round(probability, 4)}
        rows.append(row)
    return rows


def markdown_table(rows: Sequence[dict]) -> str:
    """A table of rows with equal keys; bars, line ends and angle brackets in names are escaped."""
    body = [[_escaped(value) for value in row.values()] for row in rows]
    lines = [list(rows[0]), ["---"] * len(rows[0]), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(value: str | int | float) -> str:
    text = " ".join(str(value).split())
    for character, entity in (("&", "&amp;"), ("|", "&#124;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return text


def _cell(value: str | int | float) -> str | int | float:
    """Text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value


def _csv(rows: Sequence[dict]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return buffer.getvalue().encode()
