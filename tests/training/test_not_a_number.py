"""A loss that isn't a number ends the training, with the images of the batch."""
import json

import pytest
import torch
from mmengine.hooks import Hook

from clip_plugins.errors import DataError
from clip_plugins.training.not_a_number import images_of_batch
from tests.training.toy import NoisyModel, build_runner


def test_the_images_are_named_in_the_sentence_and_in_a_file(tmp_path):
    runner = build_runner(tmp_path, model=NoisyModel(poison=2))
    with pytest.raises(DataError, match=r"^loss is nan in step 2, on the images (1\d\d, ){2}1\d\d \(all in"):
        runner.train()
    told = json.loads((tmp_path / "nan_loss_iter_2_rank_0.json").read_text())
    seen = [int(value) for value in runner.model.seen[1]]  # index + chance of 0..3
    assert all(image["index"] <= value < image["index"] + 3 for image, value in zip(told["images"], seen))
    assert [image["img_id"] - 100 for image in told["images"]] == [image["index"] for image in told["images"]]
    assert told["losses"]["loss"] == "nan" and told["losses"]["other"] != "nan"


def test_no_checkpoint_of_that_step_is_written(tmp_path):
    with pytest.raises(DataError):
        build_runner(tmp_path, model=NoisyModel(poison=2)).train()
    assert not list(tmp_path.glob("*.pth"))


def test_images_are_named_with_workers_too(tmp_path):
    runner = build_runner(tmp_path, model=NoisyModel(poison=3), workers=2)
    with pytest.raises(DataError, match="in step 3"):
        runner.train()
    told = json.loads((tmp_path / "nan_loss_iter_3_rank_0.json").read_text())
    assert all(image["index"] <= value < image["index"] + 3
               for image, value in zip(told["images"], runner.model.seen[2]))


def test_weights_that_a_finite_loss_made_nan_are_not_written(tmp_path):
    class Poison(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            runner.model.line.weight.data.fill_(float("nan"))

    runner = build_runner(tmp_path, hook={"interval": 1})
    runner.register_hook(Poison())
    with pytest.raises(DataError, match=r"the weights line.weight are NaN after step 1"):
        runner.train()
    assert not list(tmp_path.glob("*.pth"))


def test_data_samples_name_their_images():
    class Sample:
        metainfo = {"img_id": 7, "img_path": "a.png", "img_shape": (2, 2)}

    assert images_of_batch(None, {"inputs": torch.ones(1), "data_samples": [Sample()]}) == [
        {"img_id": 7, "img_path": "a.png"}]
