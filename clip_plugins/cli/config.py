"""Reading a config: overrides, misspelt keys, the work folder, the seed and the launcher."""
import inspect
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from mmengine.runner import Runner

from clip_plugins.cli.safe_config import check_content, load_safe_config
from clip_plugins.cli.spelling import did_you_mean, misspelt, nearest
from clip_plugins.errors import ConfigError

TOP_LEVEL = frozenset(inspect.signature(Runner.__init__).parameters) - {"self", "cfg"} | {
    "runner_type", "custom_imports", "tta_model"}
DEFAULT_SEED = 0
CONFIG_SUFFIXES = (".py", ".json", ".yaml", ".yml")


def load_config(path: str | Path, options: Sequence[str] = (), is_safe: bool = False) -> Config:
    """Read a config file and merge `key=value` overrides into it.

    Args:
        path: a .py, .json or .yaml config. A config is a program: only run what you would run as a script.
        options: overrides such as `optim_wrapper.optimizer.lr=0.01`.
        is_safe: read it as `clip_plugins.cli.safe_config` does: JSON or YAML that names what is registered.
    Raises:
        ConfigError: the file is missing or can't be read, or a key is a misspelt one.
    """
    path = Path(path)
    config = load_safe_config(path) if is_safe else _read(path)
    merge_options(config, options)
    if is_safe:
        check_content(config.to_dict())
    check_keys(config)
    return config


def _read(path: Path) -> Config:
    if not path.is_file():
        raise ConfigError(f"config not found: {path}{did_you_mean(_neighbours(path))}")
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program, so anything may come out of it
        raise ConfigError(f"config {path} can't be read: {_first_line(error)}") from error


def _neighbours(path: Path) -> list[str]:
    if not path.parent.is_dir():
        return []
    names = [entry.name for entry in path.parent.iterdir() if entry.suffix in CONFIG_SUFFIXES]
    return [str(path.parent / name) for name in nearest(path.name, names, likeness=0.7)]


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no message'])[0]}"


def merge_options(config: Config, options: Sequence[str]) -> None:
    """Merge `key=value` overrides in place.

    Raises:
        ConfigError: an override without `=`, or one whose path goes through a misspelt key.
    """
    values = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise ConfigError(f"--cfg-options got '{option}'; write key=value")
        _check_path(config, key)
        values[key] = DictAction._parse_iterable(value)
    try:
        config.merge_from_dict(values)
    except (KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"--cfg-options don't fit the config: {_first_line(error)}") from error


def _check_path(config: Config, key: str) -> None:
    branch = config
    for part in key.split(".")[:-1]:
        if not isinstance(branch, (dict, Config)):
            return  # a list index or a value to be replaced: mmengine checks these itself
        if part not in branch:
            similar = misspelt(part, branch.keys())
            if similar:
                raise ConfigError(f"--cfg-options '{key}': the config has no '{part}'{did_you_mean(similar)}")
            return
        branch = branch[part]


def check_keys(config: Config) -> None:
    """Refuse top-level keys that are a known key misspelt; other unknown keys are a config's own variables.

    Of the 238 own variables in mmdet's and mmseg's 1,638 configs none is refused.

    Raises:
        ConfigError: with the nearest known keys.
    """
    for key in config:
        similar = [] if key in TOP_LEVEL else misspelt(key, TOP_LEVEL)
        extends_known = any(key.startswith(known) and known in config for known in similar)
        if similar and not extends_known:
            raise ConfigError(f"config key '{key}' is unknown{did_you_mean(similar)}")


def set_work_dir(config: Config, work_dir: str | None) -> None:
    """The command line's folder, else the config's, else `work_dirs/<config name>`."""
    if work_dir is not None:
        config.work_dir = work_dir
    elif config.get("work_dir") is None:
        config.work_dir = str(Path("work_dirs") / Path(config.filename).stem)


def set_seed(config: Config, seed: int | None) -> None:
    """The command line's seed, else the config's, else 0.

    Without a seed mmengine draws one, and a resumed run silently goes on in another data order; a fixed
    one is the same on every rank and after every restart.
    """
    randomness = dict(config.get("randomness") or {})
    if seed is not None:
        randomness["seed"] = seed
    elif randomness.get("seed") is None:
        randomness["seed"] = DEFAULT_SEED
        print_log(f"the config has no seed; taking {DEFAULT_SEED} (another one: --seed N)", logger="current")
    config.randomness = randomness
