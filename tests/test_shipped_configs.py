from pathlib import Path

import pytest
import yaml

from clip_plugins import configs
from clip_plugins.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
VILD = "vild_faster-rcnn_tiny-clip_fpn_demo_ov_shapes"


def test_a_config_is_found_by_name_or_by_path():
    found = configs.find_config(f"vild/{VILD}.py")
    assert found == configs.find_config(f"vild/{VILD}") == ROOT / "configs" / "vild" / f"{VILD}.py"
    assert configs.find_config("clip_tiny-vit_ov_shapes").is_file()


@pytest.mark.parametrize(("name", "told"), [("absent", "0 configs are called 'absent'"),
                                            ("vild_faster-rcnn", "choose one: vild_faster-rcnn_")])
def test_an_unknown_name_tells_those_like_it(name, told):
    with pytest.raises(ConfigError, match=told):
        configs.find_config(name)


def test_bases_are_not_listed(capsys):
    assert configs.main(["list", "clip/"]) == 0
    listed = capsys.readouterr().out.split()
    assert "clip/clip_tiny-vit_ov_shapes.py" in listed and not [name for name in listed if "_base_" in name]


def test_the_copy_is_whole_and_reads_like_the_original(tmp_path):
    from mmengine.config import Config
    copy = configs.copy_configs(tmp_path / "mine")
    name = f"vild/{VILD}.py"
    assert Config.fromfile(copy / name).to_dict() == Config.fromfile(ROOT / "configs" / name).to_dict()


def test_a_folder_that_exists_is_left_alone(tmp_path, capsys):
    assert configs.main(["copy", str(tmp_path)]) == 2
    assert "exists; name a folder that doesn't" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["path", "copy"])
def test_a_command_without_name_says_what_to_name(command, capsys):
    assert configs.main([command]) == 2
    assert "name it" in capsys.readouterr().err


def test_the_wheels_files_outrank_the_repositorys(tmp_path, monkeypatch):
    package = tmp_path / "clip_plugins"
    (package / ".mim" / "tools").mkdir(parents=True)
    monkeypatch.setattr(configs, "PACKAGE", package)
    assert configs.shipped("tools") == package / ".mim" / "tools"
    with pytest.raises(ConfigError, match="install clip_plugins again"):
        configs.shipped("configs")


def metafiles():
    index = yaml.safe_load((ROOT / "model-index.yml").read_text())
    return {path: yaml.safe_load((ROOT / path).read_text()) for path in index["Import"]}


def test_the_model_index_names_every_metafile():
    assert sorted(metafiles()) == sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / "configs").rglob("metafile.yml"))


def test_every_method_has_a_metafile():
    methods = {path.parent for path in configs.shipped_configs()}
    assert [str(folder) for folder in methods if not (folder / "metafile.yml").is_file()] == []


def test_every_config_is_in_a_metafile():
    named = {model["Config"] for content in metafiles().values() for model in content["Models"]}
    assert named == {str(path.relative_to(ROOT)) for path in (ROOT / "configs").rglob("*.py")
                     if "_base_" not in path.parts}


def test_metafiles_speak_of_configs_that_exist():
    for content in metafiles().values():
        collections = {collection["Name"] for collection in content["Collections"]}
        for model in content["Models"]:
            assert model["In Collection"] in collections
            assert Path(model["Config"]).stem == model["Name"] and (ROOT / model["Config"]).is_file()
