"""mmengine's Runner reads back what it wrote, and runs nothing that a file brings."""
from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint as load_into_model

from clip_plugins.errors import CheckpointError
from tests.compat.toy_training import Slope, build_runner


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The checkpoint of the first of two epochs, and the weight after both."""
    runner = build_runner(tmp_path_factory.mktemp("first"))
    runner.train()
    return f"{runner.work_dir}/epoch_1.pth", runner.model.weight.detach()


def test_a_resumed_run_ends_where_the_whole_one_did(trained, tmp_path):
    path, weight = trained
    runner = build_runner(tmp_path / "second", resume=True, load_from=path)
    runner.train()
    torch.testing.assert_close(runner.model.weight.detach(), weight)


def test_weights_load_into_a_model(trained):
    model = Slope()
    load_into_model(model, trained[0], strict=True, logger="silent")
    assert model.weight != 0


def test_a_config_in_the_checkpoint_is_not_run_on_resume(trained, tmp_path):
    checkpoint = torch.load(trained[0], weights_only=True)
    checkpoint["meta"]["config"] = f"open({str(tmp_path / 'ran')!r}, 'w').close()"
    torch.save(checkpoint, tmp_path / "evil.pth")
    build_runner(tmp_path / "fourth", resume=True, load_from=str(tmp_path / "evil.pth")).train()
    assert not (tmp_path / "ran").exists()


def test_a_truncated_checkpoint_ends_a_runner_in_one_sentence(trained, tmp_path):
    (tmp_path / "half.pth").write_bytes(Path(trained[0]).read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="truncated"):
        build_runner(tmp_path / "third", load_from=str(tmp_path / "half.pth")).train()
