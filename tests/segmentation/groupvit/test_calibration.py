import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.groupvit.calibration import calibrate_background, judge_groups
from tests.segmentation.groupvit.tiny import NAMES, caption, pixels, tiny_groupvit


def samples(nouns: tuple[str, ...]) -> list[dict]:
    draw = torch.Generator().manual_seed(0)
    return [{"inputs": torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=draw),
             "data_samples": caption("a scene", (), nouns)} for _ in range(3)]


def model():
    found = tiny_groupvit(test_cfg={"background": {"threshold": 0.95}})
    found.set_vocabulary(NAMES)
    return found


def test_groups_with_a_name_of_the_caption_are_right():
    statistics, right = judge_groups(model(), pixels(3, 32, 32), NAMES[1:])
    assert right.all() and set(statistics) == {"score", "cosine", "margin"}
    assert all(len(rows) == len(right) for rows in statistics.values())
    assert not judge_groups(model(), pixels(3, 32, 32), [])[1].any()


def test_where_every_name_is_right_every_group_stays():
    found = calibrate_background(model(), samples(tuple(NAMES[1:])))
    assert found.images == 3 and max(found.f1.values()) == pytest.approx(1.0)
    assert found.rule.name == "background" and not found.rule.keeps_best


def test_nothing_to_calibrate_on_is_refused():
    with pytest.raises(ConfigError, match="no captioned images"):
        calibrate_background(model(), [])
    with pytest.raises(ConfigError, match="no group bears a noun"):
        calibrate_background(model(), samples(()))
