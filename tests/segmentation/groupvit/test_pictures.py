import numpy as np
import pytest
import torch

pytest.importorskip("mmseg")

from types import SimpleNamespace

from mmengine.structures import BaseDataElement

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.groupvit.pictures import GroupPictures, stages_of
from tests.segmentation.groupvit.tiny import pixels, tiny_groupvit


def test_every_stage_has_its_owners_at_full_size():
    first, second = stages_of(tiny_groupvit(), pixels(1, 3, 32, 40))
    assert first[0].shape == second[0].shape == (32, 40) and (first[1], second[1]) == (5, 3)
    assert np.unique(second[0]).max() < 3


def test_the_first_images_are_drawn(tmp_path):
    runner = SimpleNamespace(model=tiny_groupvit(), work_dir=str(tmp_path))
    images = [torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8) for _ in range(3)]
    samples = [BaseDataElement(metainfo={"img_path": f"scene {index}.png"}) for index in range(3)]
    hook = GroupPictures(count=2)
    hook.before_test(runner)
    hook.after_test_iter(runner, 0, {"inputs": images, "data_samples": samples}, samples)
    assert sorted(path.name for path in (tmp_path / "groups").iterdir()) == ["scene 0.png", "scene 1.png"]


def test_models_without_groups_are_refused():
    with pytest.raises(ConfigError, match="has no groups"):
        GroupPictures().before_test(SimpleNamespace(model=torch.nn.Linear(1, 1)))
