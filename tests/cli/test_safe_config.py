"""Configs of strangers: hostile ones are refused before anything is built."""
import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import Registry

from clip_plugins.cli.config import load_config
from clip_plugins.cli.safe_config import check_content, load_safe_config, registered_names
from clip_plugins.errors import ConfigError

HARMLESS = {
    "default_scope": "mmengine",
    "train_pipeline": [{"type": "clip_plugins.LoadImage", "to_float32": True}],
    "optim_wrapper": {"type": "OptimWrapper", "optimizer": {"type": "SGD", "lr": 0.01},
                      "constructor": "DefaultOptimWrapperConstructor"},
    "evaluator": {"iou_type": "bbox"},
    "prompts": ["a photo of a {}.", "a drawing and/or a sketch"],
    "randomness": {"seed": 0, "deterministic": None},
    "data_root": "data/ov_shapes/",
}

FUNCTIONS = [
    "os.mkdir", "os.system", "subprocess.run", "subprocess.check_output", "platform.node", "builtins.eval",
    "builtins.exec", "builtins.open", "builtins.__import__", "shutil.rmtree", "pathlib.Path.touch",
    "torch.load",
    "pickle.loads", "importlib.import_module", "runpy.run_path", "socket.socket", "urllib.request.urlopen",
    "ctypes.CDLL", "code.interact", "webbrowser.open", "torch.hub.load", "torch.utils.cpp_extension.load",
    "numpy.load", "mmengine.Config.fromfile", "mmengine.config.Config.fromfile", "mmengine.fileio.get",
    "clip_plugins.compat.load_checkpoint", "clip_plugins.cli.train", "mmengine.registry.Registry",
    "torch.optim.SGD", "mkdir", "eval", "os", "this", "antigravity", "", ".", "..", " SGD", "SGD ", "SGD\n",
    "sgd",
]
HOSTILE = [
    *({"model": {"type": name, "name": "made"}} for name in FUNCTIONS),
    {"runner_type": "os.system"},
    {"optim_wrapper": {"constructor": "os.system"}},
    {"a": [{"b": [{"type": "os.mkdir"}]}]},
    {"type": ["SGD"]},
    {"type": {"type": "SGD"}},
    {"type": None},
    {"custom_imports": {"imports": ["antigravity"]}},
    {"model": {"custom_imports": {"imports": ["antigravity"]}}},
    {"_base_": "other.py"},
    {"_base_": "../../etc/passwd"},
    {"_delete_": True},
    {"_scope_": "os"},
    {"__class__": "x"},
    {"default_scope": "os"},
    {"compile": {"backend": "os.system"}},
    {"env_cfg": {"dist_cfg": {"backend": "x"}}},
    {"launcher": "pytorch"},
    {"load_from": "http://somewhere/weights.pth"},
    {"load_from": "/etc/passwd"},
    {"load_from": "~/weights.pth"},
    {"load_from": "../weights.pth"},
    {"load_from": "a/../../weights.pth"},
    {"load_from": "C:\\weights.pth"},
    {"load_from": "\\\\server\\share"},
    {"load_from": "file:///etc/passwd"},
    {"ann_file": "annotations.pkl"},
    {"proposal_file": "proposals/train.PICKLE"},
    {"load_from": "weights.pt2 "},
    *({"visualizer": {"vis_backends": [{"type": name}]}} for name in (
        "WandbVisBackend", "mmengine.WandbVisBackend", "MLflowVisBackend", "ClearMLVisBackend",
        "NeptuneVisBackend", "DVCLiveVisBackend", "AimVisBackend")),
    {"name": "a\0b"},
    {"name": "{{ fileDirname }}"},
    {"name": "{{$HOME:x}}"},
    {"name": "${HOME}"},
    {"a\0b": 1},
    {"": 1},
]


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: ascii(content)[:60])
def test_hostile_config_is_refused(content: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError):
        load_safe_config("config.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("text", [
    "a: !!python/object/apply:os.mkdir [made]", "a: !!python/name:os.system", "a: !!python/module:os",
    "a: !!python/object/new:subprocess.Popen [[touch, made]]", "a: &x [1]\nb: *x", "a: 2001-01-01", "a: [1",
    "1: 2",
    "[1, 2]", "text", "a: !!binary aGVsbG8=", "", "? [a]\n: 1",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
])
def test_hostile_yaml_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_safe_config("config.yaml")
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.yaml"]


def test_no_hostile_config_reaches_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def called(*_, **__) -> None:
        raise AssertionError("something was built")

    monkeypatch.setattr(Registry, "build", called)
    monkeypatch.setattr(Config, "_file2dict", called)
    assert len(HOSTILE) >= 50
    for content in HOSTILE:
        (tmp_path / "config.json").write_text(json.dumps(content))
        with pytest.raises(ConfigError):
            load_config(tmp_path / "config.json", is_safe=True)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_harmless_config_is_read_as_it_is(suffix: str, tmp_path: Path):
    path = tmp_path / f"config.{suffix}"
    path.write_text(json.dumps(HARMLESS))
    config = load_safe_config(path)
    assert config.to_dict() == HARMLESS
    assert config.filename == str(path)


def test_overrides_of_a_safe_config_are_checked_too(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps(HARMLESS))
    changed = load_config(tmp_path / "config.json", ["randomness.seed=3"], is_safe=True)
    assert changed.randomness.seed == 3
    with pytest.raises(ConfigError, match=r"optimizer\.type: 'os\.system' isn't registered"):
        load_config(tmp_path / "config.json", ["optim_wrapper.optimizer.type=os.system"], is_safe=True)


def test_python_is_refused_unread(tmp_path: Path):
    (tmp_path / "config.py").write_text("raise SystemExit")
    with pytest.raises(ConfigError, match=r"JSON or YAML, got config\.py"):
        load_safe_config(tmp_path / "config.py")


def test_message_says_where_and_offers_the_nearest():
    said = r"steps\[1\]\.type: 'clip_plugins.LoadImge' isn't registered; did you mean 'clip_plugins.LoadImag"
    with pytest.raises(ConfigError, match=said):
        check_content({"steps": [{"type": "SGD"}, {"type": "clip_plugins.LoadImge"}]})


def test_size_depth_and_count_are_limited(tmp_path: Path):
    nested: dict = {}
    for _ in range(60):
        nested = {"a": nested}
    with pytest.raises(ConfigError, match="nested deeper than 40"):
        check_content(nested)
    with pytest.raises(ConfigError, match="more than 50,000 values"):
        check_content({"a": [0] * 50_001})
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="isn't valid"):
        load_safe_config(tmp_path / "config.json")
    (tmp_path / "config.json").write_text(" " * 1_000_001)
    with pytest.raises(ConfigError, match="1,000,001 bytes"):
        load_safe_config(tmp_path / "config.json")


def test_registered_names_have_no_dots_beyond_their_scope():
    names = registered_names()
    assert {"SGD", "clip_plugins.LoadImage", "mmengine.SGD"} <= names
    assert all(name.count(".") <= 1 for name in names)
