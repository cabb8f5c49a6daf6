import pickle
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader
from safetensors.torch import save_file

from clip_plugins.compat import checkpoints, load_checkpoint
from clip_plugins.errors import CheckpointError


class Gadget:
    """A pickle that would write a file when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return exec, (f"open({self.path!r}, 'w').close()",)


class GetattrGadget:
    def __reduce__(self):
        return getattr, (torch.nn.Module, "forward")


@pytest.fixture
def training_checkpoint(tmp_path):
    """What mmengine's Runner writes, in small."""
    path = tmp_path / "iter_2.pth"
    history = HistoryBuffer([3.0, 1.0], [1, 1])
    torch.save({"state_dict": {"weight": torch.ones(2)}, "meta": {"iter": 2, "cfg": "a = 1"},
                "message_hub": {"log_scalars": {"train/loss": history},
                                "runtime_info": {"iter": np.int64(2), "cfg": "a = 1"}}}, path)
    return path


def test_a_training_checkpoint_is_read_with_its_log_history(training_checkpoint):
    checkpoint = load_checkpoint(training_checkpoint)
    history = checkpoint["message_hub"]["log_scalars"]["train/loss"]
    assert (history.min(), history.max(), history.current(), history.mean()) == (1.0, 3.0, 1.0, 2.0)
    assert checkpoint["message_hub"]["runtime_info"]["iter"] == 2
    torch.testing.assert_close(checkpoint["state_dict"]["weight"], torch.ones(2))


def test_plain_torch_load_reads_it_too_and_weights_only_stays_on(training_checkpoint):
    assert torch.load(training_checkpoint, weights_only=True)["meta"]["iter"] == 2


def test_every_numpy_number_and_array_is_read(tmp_path):
    names = ("float32", "float64", "int64", "uint8", "bool", "<U3")
    values = {name: np.ones(2, dtype=name) for name in names}
    torch.save({"arrays": values, "number": np.float32(1.5)}, tmp_path / "a.pth")
    loaded = load_checkpoint(tmp_path / "a.pth")
    assert loaded["number"] == 1.5
    for name, value in values.items():
        np.testing.assert_array_equal(loaded["arrays"][name], value)


def test_arrays_under_numpys_older_names_are_read(tmp_path):
    new, old = tmp_path / "new.pth", tmp_path / "old.pth"
    torch.save({"values": np.arange(3)}, new)
    with zipfile.ZipFile(new) as source, zipfile.ZipFile(old, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            target.writestr(entry, data.replace(b"numpy._core", b"numpy.core"))
    np.testing.assert_array_equal(load_checkpoint(old)["values"], np.arange(3))


def test_a_pickle_gadget_is_refused_by_name_and_does_not_run(tmp_path):
    torch.save({"state_dict": {}, "extra": Gadget(tmp_path / "ran")}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="foreign object exec"):
        load_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_a_plain_pickle_gadget_is_refused_too(tmp_path):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Gadget(tmp_path / "ran"), protocol=2))
    with pytest.raises(CheckpointError, match="foreign object exec"):
        load_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_getattr_serves_the_history_buffer_alone(tmp_path):
    torch.save({"extra": GetattrGadget()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="foreign object"):
        load_checkpoint(tmp_path / "evil.pth")
    with pytest.raises(pickle.UnpicklingError):
        checkpoints.history_statistic(HistoryBuffer, "register_statistics")
    with pytest.raises(pickle.UnpicklingError):
        checkpoints.history_statistic(HistoryBuffer([1.0], [1]), "min")


def test_config_texts_are_dropped(training_checkpoint):
    checkpoint = load_checkpoint(training_checkpoint)
    assert checkpoint["meta"] == {"iter": 2}
    assert "cfg" not in checkpoint["message_hub"]["runtime_info"]


@pytest.mark.parametrize("kept", [0, 1, 10, 500])
def test_a_truncated_checkpoint_is_one_sentence(training_checkpoint, kept):
    training_checkpoint.write_bytes(training_checkpoint.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="truncated, damaged or of another format"):
        load_checkpoint(training_checkpoint)


def test_a_truncated_safetensors_file_is_one_sentence(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(100)}, path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match="truncated"):
        load_checkpoint(path)


def test_safetensors_are_read_as_weights(tmp_path):
    save_file({"weight": torch.ones(2)}, tmp_path / "weights.safetensors")
    torch.testing.assert_close(load_checkpoint(tmp_path / "weights.safetensors")["weight"], torch.ones(2))


def test_a_missing_file_and_a_bare_tensor_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path / "absent.pth")
    torch.save(torch.ones(1), tmp_path / "tensor.pth")
    with pytest.raises(CheckpointError, match="holds a Tensor"):
        load_checkpoint(tmp_path / "tensor.pth")


def test_mmengines_own_door_leads_here(training_checkpoint, tmp_path):
    assert checkpoints.local_checkpoints_read_safely()
    assert CheckpointLoader.load_checkpoint(str(training_checkpoint), logger=None)["meta"] == {"iter": 2}
    torch.save({"extra": Gadget(tmp_path / "ran")}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError):
        CheckpointLoader.load_checkpoint(str(tmp_path / "evil.pth"), logger=None)


def test_downloads_are_read_with_weights_only(tmp_path):
    from mmengine.runner.checkpoint import load_from_http
    assert checkpoints.downloads_read_safely()
    torch.save({"extra": Gadget(tmp_path / "ran")}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="foreign object exec"):
        load_from_http((tmp_path / "evil.pth").as_uri(), model_dir=str(tmp_path / "cache"), progress=False)
    assert not (tmp_path / "ran").exists()
