import json

import numpy as np
import pytest
import torch

from clip_plugins.cli.config import load_config
from clip_plugins.cli.sketch_claims import (
    Condition,
    SketchClaims,
    claim_table,
    conditions,
    filled,
    silhouette_iou,
)
from clip_plugins.errors import ConfigError

RECIPE = "configs/clipasso/clipasso_tiny-resnet_ov_shapes.py"
SQUARE = np.array([[10.0, 10], [40, 10], [40, 40], [10, 40]])


def outline(gap: int = 0) -> torch.Tensor:
    image = torch.ones(3, 50, 50)
    image[:, 9:41, 9:41] = 0
    image[:, 11:39, 11:39] = 1
    if gap:
        image[:, 9:11, 25:25 + gap] = 1
    return image


def test_an_outline_is_filled_and_small_gaps_are_closed():
    assert filled(outline()).sum() == 32 * 32
    assert filled(outline(gap=3))[15:35, 15:35].all()
    assert not filled(outline(gap=12))[15:35, 15:35].any()
    assert not filled(torch.ones(3, 20, 20)).any()


def test_the_overlap_of_silhouettes_by_hand():
    assert silhouette_iou(outline(), [SQUARE]) == pytest.approx(30 * 30 / (32 * 32), abs=0.01)
    moved = outline().roll(30, 2)
    assert silhouette_iou(moved, [SQUARE]) < 0.5 and silhouette_iou(torch.ones(3, 50, 50), [SQUARE]) == 0
    hole = (SQUARE - 25) / 3 + 25
    assert silhouette_iou(outline(), [SQUARE, hole]) == silhouette_iou(outline(), [SQUARE])


def test_conditions_change_what_they_name():
    rows = {(row.claim, row.what): load_config(RECIPE, row.overrides).model
            for row in conditions(load_config(RECIPE))}
    assert len(rows) == 11
    terms = {what: model.objective.terms[0] for (_, what), model in rows.items()}
    both = [terms[f"both, {weights}"] for weights in ("official weights", "weights of 1")]
    assert [term.semantic_weight for term in both] == [0.1, 1]
    assert terms["geometric alone"].semantic_weight == 0 and terms["geometric alone"].layers.layer2 == 1
    assert set(terms["semantic alone"].layers.values()) == {0}
    assert terms["semantic alone"].semantic_weight == 1
    assert rows["saliency is a good start", "uniform"].start.source == "uniform"


def test_rows_carry_mean_and_spread_and_are_written_as_they_come(tmp_path):
    overrides = ["model.schedule.iterations=2", "model.views.views=0", "model.start.source=uniform"]
    claims = SketchClaims(RECIPE, 2, (0, 1), overrides, say=lambda text: None)
    rows = claims.run(tmp_path, [Condition("a", "one", 2), Condition("b", "the same", 2)])
    assert json.loads((tmp_path / "summary.json").read_text())["rows"] == rows
    assert {key: value for key, value in rows[0].items() if key not in ("claim", "what")} == {
        key: value for key, value in rows[1].items() if key not in ("claim", "what")}
    assert 0 <= rows[0]["pose IoU"] <= 1 and rows[0]["seeds"] == 2 and "own CLIP spread" in rows[0]
    assert "±" in claim_table(rows)[0]["own CLIP"]


def test_a_cell_has_the_digits_that_its_spread_allows():
    row = {"strokes": 16, "other CLIP": 54.167, "other CLIP spread": 7.217, "pose IoU": 0.297,
           "pose IoU spread": 0.03}
    assert claim_table([row]) == [{"strokes": 16, "other CLIP": "54.2 ± 7.2", "pose IoU": "0.30 ± 0.03"}]


def test_nothing_to_draw_is_refused():
    with pytest.raises(ConfigError, match="draw nothing"):
        SketchClaims(RECIPE, 0)
