"""Checkpoints are whole at every moment; old ones go last."""
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from clip_plugins.compat import load_checkpoint
from clip_plugins.errors import CheckpointError, ConfigError
from clip_plugins.training import DurableCheckpointHook
from clip_plugins.training.storage import DurableBackend
from tests.training.toy import NoisyModel, build_runner, kill


def names(folder: Path) -> list[str]:
    """Checkpoints and `last_checkpoint`; mmengine writes the config beside them."""
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".pth" or "last" in path.name)


def test_the_newest_checkpoints_stay_and_one_file_names_the_last(tmp_path):
    build_runner(tmp_path, hook={"max_keep_ckpts": 2}).train()
    assert names(tmp_path) == ["iter_8.pth", "iter_9.pth", "last_checkpoint"]
    assert (tmp_path / "last_checkpoint").read_text() == str(tmp_path / "iter_9.pth")


def test_the_old_checkpoint_goes_after_the_new_one_has_its_name(tmp_path, monkeypatch):
    seen = []
    remove = DurableBackend.remove

    def look_and_remove(self, path):
        seen.append([*names(tmp_path), (tmp_path / "last_checkpoint").read_text()[-10:]])
        remove(self, path)

    monkeypatch.setattr(DurableBackend, "remove", look_and_remove)
    build_runner(tmp_path, hook={"max_keep_ckpts": 1, "save_last": False}).train()
    assert seen[0] == ["iter_2.pth", "iter_4.pth", "last_checkpoint", "iter_4.pth"]
    assert len(seen) == 3


def test_a_run_killed_before_the_old_one_went_removes_it_on_resuming(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(DurableBackend, "remove", lambda self, path: None)
        kill(build_runner(tmp_path, hook={"max_keep_ckpts": 1}), 4)
    assert {"iter_2.pth", "iter_4.pth"} <= set(names(tmp_path))
    build_runner(tmp_path, hook={"max_keep_ckpts": 1}, resume=True).train()
    assert names(tmp_path) == ["iter_9.pth", "last_checkpoint"]


def test_temporary_files_of_a_killed_run_are_cleared_away(tmp_path):
    (tmp_path / ".iter_2.pth.abc.tmp").write_bytes(b"half")
    build_runner(tmp_path).train()
    assert not list(tmp_path.glob(".*"))


def test_other_bytes_from_the_disk_leave_the_old_file(tmp_path, monkeypatch):
    backend, path = DurableBackend(), tmp_path / "a.pth"
    torch.save({"state_dict": {}}, tmp_path / "source")
    content = (tmp_path / "source").read_bytes()
    backend.put(content, path)
    real_open = Path.open

    def lying(self, *arguments, **options):
        if self.suffix == ".tmp":
            with real_open(self, "r+b") as file:
                file.seek(5)
                file.write(b"\xff")
        return real_open(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", lying)
    with pytest.raises(CheckpointError, match=r"gave back other bytes of .*a\.pth"):
        backend.put(content, path)
    assert path.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pth", "source"]


def test_what_no_reader_accepts_is_refused_when_it_is_written(tmp_path):
    class Foreign(Hook):
        def before_save_checkpoint(self, runner, checkpoint):
            checkpoint["extra"] = Path("x")

    runner = build_runner(tmp_path)
    runner.register_hook(Foreign())
    with pytest.raises(CheckpointError, match="foreign object"):
        runner.train()
    assert not list(tmp_path.glob("*.pth"))


def test_a_full_disk_is_one_sentence_and_older_checkpoints_stay(tmp_path, monkeypatch):
    kill(build_runner(tmp_path), 3)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clip_plugins.files.os.fsync", full)
    with pytest.raises(CheckpointError, match=r"iter_4.pth can't be written \(No space left.*--resume"):
        build_runner(tmp_path, resume=True).train()
    assert load_checkpoint((tmp_path / "last_checkpoint").read_text())["meta"]["iter"] == 2
    assert not list(tmp_path.glob(".*"))


def test_the_best_checkpoint_goes_after_the_better_one_is_written(tmp_path):
    runner = build_runner(tmp_path, hook={"save_best": "acc", "max_keep_ckpts": 1})
    hook = next(hook for hook in runner.hooks if isinstance(hook, DurableCheckpointHook))
    seen = []

    class Validate(Hook):
        priority = "LOWEST"

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            if batch_idx % 2:
                hook.after_val_epoch(runner, {"acc": batch_idx / 10})
                seen.append([name for name in names(tmp_path) if name.startswith("best")])

    runner.register_hook(Validate())
    runner.train()
    assert [len(one) for one in seen] == [1] * 4
    assert len({one[0] for one in seen}) == 4
    assert load_checkpoint(tmp_path / seen[-1][0])["state_dict"].keys() == NoisyModel().state_dict().keys()


def test_mmengines_older_arguments_are_refused():
    with pytest.raises(ConfigError, match="give backend_args instead"):
        DurableCheckpointHook(file_client_args={"backend": "disk"})
