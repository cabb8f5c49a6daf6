"""Reading a config: overrides, misspelt keys, folder and seed."""
from pathlib import Path

import pytest
from mmengine.config import Config

from clip_plugins.cli.config import check_keys, load_config, set_seed, set_work_dir
from clip_plugins.errors import ConfigError


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str, name: str = "small.py") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name
    return write


def test_overrides_are_merged_with_their_types(written):
    options = ["model.depth=2", "model.rates=[0.1,0.2]", "flag=True"]
    config = load_config(written("model = dict(depth=1)"), options)
    assert (config.model.depth, config.model.rates, config.flag) == (2, [0.1, 0.2], True)


def test_override_may_hold_an_equals_sign(written):
    assert load_config(written("a = 1"), ["caption=b=c"]).caption == "b=c"


def test_override_without_equals_is_refused(written):
    with pytest.raises(ConfigError, match="got 'lr'; write key=value"):
        load_config(written("a = 1"), ["lr"])


def test_override_through_a_misspelt_key_is_refused(written):
    with pytest.raises(ConfigError, match="has no 'optim_wraper'; did you mean 'optim_wrapper'"):
        load_config(written("optim_wrapper = dict(optimizer=dict(lr=1))"), ["optim_wraper.optimizer.lr=2"])


def test_override_through_a_value_is_refused(written):
    with pytest.raises(ConfigError, match="don't fit the config"):
        load_config(written("steps = [dict(a=1)]"), ["steps.7.a=2"])


def test_new_branches_are_allowed(written):
    config = load_config(written("a = 1"), ["default_hooks.checkpoint.interval=5"])
    assert config.default_hooks.checkpoint.interval == 5


@pytest.mark.parametrize(("wrong", "right"), [
    ("trian_dataloader", "train_dataloader"), ("custom_hook", "custom_hooks"),
    ("load_form", "load_from"), ("test_evalutor", "test_evaluator"), ("work_dirs", "work_dir"),
    ("modle", "model"), ("param_schedulers", "param_scheduler")])
def test_misspelt_key_offers_the_right_one(wrong: str, right: str):
    with pytest.raises(ConfigError, match=f"config key '{wrong}' is unknown; did you mean '{right}'"):
        check_keys(Config({wrong: {}}))


@pytest.mark.parametrize("name", [
    "data_root", "test_pipeline", "train_pipeline", "img_norm_cfg", "dataset_type", "max_epochs"])
def test_variables_of_a_config_pass(name: str):
    check_keys(Config({name: 1}))


def test_variable_that_extends_a_key_in_use_passes():
    check_keys(Config({"val_evaluator": {}, "val_evaluator_abs": {}}))
    check_keys(Config({"model": {}, "models": []}))


def test_missing_config_offers_its_neighbours(written):
    path = written("a = 1", "vild_demo.py")
    with pytest.raises(ConfigError, match=r"config not found: .*vild_dmo\.py; did you mean .*vild_demo"):
        load_config(path.with_name("vild_dmo.py"))
    with pytest.raises(ConfigError, match="config not found"):
        load_config("no/such/folder/a.py")


@pytest.mark.parametrize("text", ["a = ", "a = undefined_name", "_base_ = 'nowhere.py'"])
def test_config_that_cannot_be_read_is_one_sentence(written, text: str):
    with pytest.raises(ConfigError, match=r"small\.py can't be read: \w+: [^\n]+$"):
        load_config(written(text))


def test_work_dir_comes_from_the_command_line_then_the_config_then_the_name(written):
    config = load_config(written("a = 1", "vild.py"))
    set_work_dir(config, None)
    assert config.work_dir == str(Path("work_dirs/vild"))
    set_work_dir(config, None)
    set_work_dir(config, "elsewhere")
    assert config.work_dir == "elsewhere"


@pytest.mark.parametrize(("given", "asked", "seed"), [
    ("randomness = dict(seed=7, deterministic=True)", None, 7), ("randomness = dict(seed=7)", 3, 3),
    ("a = 1", None, 0), ("randomness = dict(seed=None)", None, 0), ("randomness = dict(seed=7)", 0, 0)])
def test_every_run_has_a_seed(written, given: str, asked: int | None, seed: int):
    config = load_config(written(given))
    set_seed(config, asked)
    assert config.randomness.seed == seed
    assert ("deterministic" in config.randomness) == ("deterministic" in given)
