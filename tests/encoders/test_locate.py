import json

import pytest

from clip_plugins.encoders import locate as room
from clip_plugins.encoders.locate import find_architecture, from_folder, locate, usual_preprocess
from clip_plugins.errors import CheckpointError, ConfigError


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(room.hub, "HF_HUB_OFFLINE", True)


def test_a_tag_offline_names_model_place_and_file(offline, tmp_path):
    told = r"ViT-B-32 'laion2b_s34b_b79k'.*open_clip_model\.safetensors"
    with pytest.raises(CheckpointError, match=told) as error:
        locate("ViT-B-32", "laion2b_s34b_b79k", str(tmp_path))
    assert str(tmp_path) in str(error.value)


def test_a_hub_name_offline_asks_for_a_folder(offline, tmp_path):
    with pytest.raises(CheckpointError, match=r"hf-hub:owner/name.*local-dir:FOLDER"):
        locate(None, "hf-hub:owner/name", str(tmp_path))


def test_a_server_that_does_not_answer_is_asked_once_and_not_downloaded_from(monkeypatch, tmp_path):
    monkeypatch.setattr(room.hub, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(room, "answers", lambda address: False)
    monkeypatch.setattr(room.huggingface_hub, "hf_hub_download", lambda *_, **__: pytest.fail("downloaded"))
    with pytest.raises(CheckpointError, match="can't be reached"):
        locate("RN50", "openai", str(tmp_path))


def test_nothing_answers_at_a_closed_port():
    assert room.answers("http://127.0.0.1:9") is False


def test_a_file_is_taken_with_the_preprocessing_of_its_model(tmp_path):
    path = tmp_path / "w.safetensors"
    path.touch()
    source = locate("ViT-B-16-SigLIP", str(path))
    assert source.weights == path and source.preprocess["resize_mode"] == "squash"


def test_models_whose_tags_differ_have_no_usual_preprocessing():
    assert usual_preprocess("no such model") == {}


def test_what_is_neither_file_nor_tag_lists_the_tags():
    with pytest.raises(CheckpointError, match=r"'openia' is neither.*RN50x4.*openai"):
        locate("RN50x4", "openia")


def test_a_missing_folder_and_one_without_weights_are_told_apart(tmp_path):
    with pytest.raises(CheckpointError, match="is missing"):
        locate(None, f"local-dir:{tmp_path / 'nowhere'}")
    with pytest.raises(CheckpointError, match="has no weights"):
        locate(None, f"local-dir:{tmp_path}")


@pytest.mark.parametrize("content", ["{", "{}"])
def test_a_damaged_config_is_refused(tmp_path, content):
    (tmp_path / "open_clip_model.safetensors").touch()
    (tmp_path / "open_clip_config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"open_clip_config\.json"):
        from_folder(tmp_path, "label")


def test_a_folder_gives_config_preprocessing_and_activation(tmp_path):
    (tmp_path / "open_clip_model.safetensors").touch()
    config = {"model_cfg": {"embed_dim": 4, "quick_gelu": True}, "preprocess_cfg": {"mean": [0, 0, 0]}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    source = from_folder(tmp_path, "label")
    assert source.architecture["embed_dim"] == 4 and source.quick_gelu is True
    assert source.preprocess == {"mean": [0, 0, 0]}


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean ViT-B-32"):
        find_architecture("ViT-B-23")
