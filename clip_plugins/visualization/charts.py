"""Bars and calibration, drawn with Matplotlib's objects (no global state, no display)."""
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from clip_plugins.errors import ShapeError

COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#009E73", "#D55E00", "#56B4E9", "#F0E442", "#999999")


def bar_chart(rows: Mapping[str, Mapping[str, float]], ylabel: str, title: str = "") -> Figure:
    """Groups of bars: a group a row, a colour a column; each bar carries its value.

    Args:
        rows: row name -> column name -> value; missing or NaN values leave a gap.
        ylabel: the quantity and its unit.
        title: of the chart.
    Raises:
        ShapeError: there is nothing to draw.
    """
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    if not columns:
        raise ShapeError("a bar chart needs at least one row with one value, got none; give some")
    figure = Figure(figsize=(max(5, 0.35 * len(columns) * len(rows) + 2), 4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(columns)
    places = np.arange(len(rows))
    for index, column in enumerate(columns):
        values = np.array([row.get(column, np.nan) for row in rows.values()], float)
        bars = axes.bar(places + (index - (len(columns) - 1) / 2) * width, values, width, label=column,
                        color=COLOURS[index % len(COLOURS)])
        axes.bar_label(bars, [f"{value:.0f}" if np.isfinite(value) else "" for value in values], fontsize=7)
    turned = {"rotation": 20, "ha": "right"} if len(rows) > 4 else {}
    axes.set_xticks(places, list(rows), **turned)
    axes.set_ylabel(ylabel)
    axes.set_title(title)
    axes.legend(fontsize=8, ncols=min(4, len(columns)))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


@dataclass(frozen=True)
class Calibration:
    """Confidence against accuracy in equal bins of confidence.

    Attributes:
        confidence: mean confidence of each bin that isn't empty.
        accuracy: share of right answers in it.
        counts: answers in it.
        error: expected calibration error, the mean of |accuracy - confidence| weighted by counts.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray
    error: float


def calibration(confidences: np.ndarray, is_right: np.ndarray, bins: int = 10) -> Calibration:
    """Bin answers by confidence (Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3).

    Args:
        confidences: N values in [0, 1].
        is_right: N bool.
        bins: equal bins of [0, 1]; a value of exactly 1 belongs to the last.
    Raises:
        ShapeError: the two differ in length, or are empty.
    """
    confidences, is_right = np.asarray(confidences, float), np.asarray(is_right, float)
    if confidences.shape != is_right.shape or confidences.size == 0:
        raise ShapeError(f"calibration needs one confidence an answer, got {confidences.size} and "
                         f"{is_right.size}; give equal, non-zero numbers")
    which = np.clip((confidences * bins).astype(int), 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    filled = counts > 0
    confidence = np.bincount(which, confidences, bins)[filled] / counts[filled]
    accuracy = np.bincount(which, is_right, bins)[filled] / counts[filled]
    error = float(np.sum(np.abs(accuracy - confidence) * counts[filled]) / len(which))
    return Calibration(confidence, accuracy, counts[filled], error)


def calibration_plot(confidences: np.ndarray, is_right: np.ndarray, bins: int = 10,
                     title: str = "") -> Figure:
    """Accuracy over confidence beside the diagonal of perfection; arguments as for `calibration`."""
    result = calibration(confidences, is_right, bins)
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.add_subplot(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", title=title)
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", label="perfect")
    sizes = 20 + 180 * result.counts / result.counts.max()
    axes.plot(result.confidence, result.accuracy, color=COLOURS[0])
    axes.scatter(result.confidence, result.accuracy, sizes, COLOURS[0],
                 label=f"measured (n = {result.counts.sum()}, ECE = {result.error:.3f})")
    axes.legend(loc="upper left", fontsize=8)
    return figure
