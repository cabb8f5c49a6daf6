"""Calibration, bars and training curves."""
import json
from pathlib import Path

import numpy as np
import pytest

from clip_plugins.errors import DataError, ShapeError
from clip_plugins.visualization import bar_chart, calibration, calibration_plot, read_scalars, training_curves


def test_calibration_by_hand():
    result = calibration(np.array([0.1, 0.2, 0.9, 1.0]), np.array([0, 1, 1, 1], bool), bins=2)
    assert result.confidence.tolist() == pytest.approx([0.15, 0.95])
    assert result.accuracy.tolist() == [0.5, 1.0]
    assert result.counts.tolist() == [2, 2]
    assert result.error == pytest.approx(0.5 * 0.35 + 0.5 * 0.05)


def test_calibration_wants_equal_numbers():
    with pytest.raises(ShapeError, match="got 2 and 1"):
        calibration(np.zeros(2), np.zeros(1))
    with pytest.raises(ShapeError, match="got 0 and 0"):
        calibration(np.zeros(0), np.zeros(0))


def test_calibration_plot_tells_number_and_error():
    figure = calibration_plot(np.array([0.25, 0.75]), np.array([0, 1]), bins=2)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "measured (n = 2, ECE = 0.250)" in texts


def test_bar_chart_draws_each_value_once_and_leaves_gaps():
    figure = bar_chart({"ViLD": {"base": 40.0, "novel": 30.0}, "chance": {"base": 1.0}}, "AP50")
    heights = [bar.get_height() for container in figure.axes[0].containers for bar in container]
    assert [height for height in heights if np.isfinite(height)] == [40.0, 1.0, 30.0]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["ViLD", "chance"]


def test_bar_chart_without_values_is_refused():
    with pytest.raises(ShapeError, match="at least one row"):
        bar_chart({"a": {}}, "AP50")


def log(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "scalars.json"
    path.write_text("\n".join(lines))
    return path


def test_scalars_are_read_by_name(tmp_path: Path):
    path = log(tmp_path, json.dumps({"loss": 2.0, "lr": 0.1, "step": 10}),
               json.dumps({"ov/ap50_base": 3.0, "step": 10}),
               json.dumps({"loss": 1.0, "lr": 0.1, "step": 20}))
    curves = read_scalars(path)
    assert curves["loss"] == ([10, 20], [2.0, 1.0])
    assert curves["ov/ap50_base"] == ([10], [3.0])


def test_torn_last_line_is_passed_over_but_not_one_in_the_middle(tmp_path: Path):
    whole = json.dumps({"loss": 2.0, "step": 10})
    assert read_scalars(log(tmp_path, whole, whole[:5]))["loss"] == ([10], [2.0])
    with pytest.raises(DataError, match="line 2 isn't JSON"):
        read_scalars(log(tmp_path, whole, whole[:5], whole))


def test_curves_part_losses_from_metrics(tmp_path: Path):
    path = log(tmp_path, json.dumps({"loss": 2.0, "loss_text": 1.0, "lr": 0.1, "step": 10}),
               json.dumps({"ov/ap50_base": 3.0, "step": 10}))
    loss, metric = training_curves(path).axes
    assert [line.get_label() for line in loss.lines] == ["loss", "loss_text"]
    assert [line.get_label() for line in metric.lines] == ["ov/ap50_base"]


def test_missing_and_empty_logs_are_one_sentence(tmp_path: Path):
    with pytest.raises(DataError, match="training log not found"):
        read_scalars(tmp_path / "nothing.json")
    with pytest.raises(DataError, match="no losses or metrics"):
        training_curves(log(tmp_path, json.dumps({"lr": 0.1, "step": 1})))
