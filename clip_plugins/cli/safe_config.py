"""Configs of strangers: JSON or YAML that can name what is registered, and nothing else.

An ordinary config is a program: mmengine calls any function that a `type` names with its dotted path, and
imports any module in `custom_imports`, in JSON as well as in Python. A list of what is forbidden would be
hopeless; here stands what is allowed.
"""
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from mmengine import registry as roots
from mmengine.config import Config
from mmengine.registry import Registry

from clip_plugins.cli.spelling import did_you_mean, nearest
from clip_plugins.errors import ConfigError

SCOPES = ("mmengine", "clip_plugins", "mmdet", "mmseg")
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/ ]*\Z")
TYPE_KEYS = {"type", "runner_type", "constructor"}  # whose values mmengine looks up
REFUSED_KEYS = {"custom_imports", "compile", "env_cfg", "launcher"}  # import, compile, set the process up
PLACE = re.compile(r"://|^[/\\~]|^[A-Za-z]:[/\\]|(?:^|[/\\])\.\.(?:[/\\]|\Z)|\x00|\{\{|\$\{")
PICKLE = re.compile(r"\.(?:pkl|pickle|pt2)\s*\Z", re.IGNORECASE)  # mmengine's readers run what these hold
TALKERS = frozenset(f"{name}VisBackend" for name in (
    "Wandb", "MLflow", "ClearML", "Neptune", "DVCLive", "Aim"))
MAX_BYTES, MAX_DEPTH, MAX_VALUES = 1_000_000, 40, 50_000


class _PlainLoader(yaml.SafeLoader):
    """YAML without tags beyond the plain ones and without aliases, whose expansion grows exponentially."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        """Refuse an alias where one stands."""
        if self.check_event(yaml.events.AliasEvent):
            raise ConfigError("the config uses a YAML alias (*name); write the value out")
        return super().compose_node(parent, index)


def load_safe_config(path: str | Path) -> Config:
    """Read a config that can't do more than build what is registered.

    Args:
        path: a .json, .yaml or .yml file of at most 1 MB.
    Raises:
        ConfigError: another kind of file, or anything in it beyond plain values and registered names; the
            message says where.
    """
    path = Path(path)
    if path.suffix not in (".json", ".yaml", ".yml"):
        raise ConfigError(f"a safe config is JSON or YAML, got {path.name}; convert it")
    if not path.is_file():
        raise ConfigError(f"config not found: {path}; check the path")
    if path.stat().st_size > MAX_BYTES:
        size = path.stat().st_size
        raise ConfigError(f"{path.name} has {size:,} bytes, allowed are {MAX_BYTES:,}; shorten it")
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, _PlainLoader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path.name} isn't valid: {reason}; correct it") from error
    check_content(content)
    return Config(content, filename=str(path))


def check_content(content: Any) -> None:
    """Refuse what isn't plain: see `load_safe_config`.

    Raises:
        ConfigError: with the place in the config.
    """
    if not isinstance(content, dict):
        raise ConfigError(f"a config is a mapping, got {type(content).__name__}; start it with keys")
    for count, (place, key, value) in enumerate(_walk(content, "", 0)):
        if count >= MAX_VALUES:
            raise ConfigError(f"the config has more than {MAX_VALUES:,} values; shorten it")
        if key is not None:
            _check_key(place, key, value)
        if isinstance(value, str) and PLACE.search(value):
            raise ConfigError(f"{place}: '{value[:80]}' is an address, a path out of the folder or a "
                              "substitution; give a plain relative name")
        if isinstance(value, str) and PICKLE.search(value):
            raise ConfigError(f"{place}: '{value[:80]}' would be run as it is read; give JSON or safetensors")
        if not isinstance(value, (dict, list, str, int, float, bool, type(None))):
            raise ConfigError(f"{place}: {type(value).__name__} isn't a plain value; use text or numbers")


def _walk(value: Any, place: str, depth: int) -> Iterator[tuple[str, Any, Any]]:
    """Place, key (None within lists) and value of everything, outer things first."""
    if depth > MAX_DEPTH:
        raise ConfigError(f"{place[:80]}…: nested deeper than {MAX_DEPTH}; flatten it")
    if isinstance(value, dict):
        for key, inner in value.items():
            where = f"{place}.{key}" if place else str(key)
            yield where, key, inner
            yield from _walk(inner, where, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield f"{place}[{index}]", None, inner
            yield from _walk(inner, f"{place}[{index}]", depth + 1)


def _check_key(place: str, key: Any, value: Any) -> None:
    if not isinstance(key, str) or not KEY.match(key) or key in REFUSED_KEYS:
        raise ConfigError(f"{place[:120]}: this key isn't allowed in a safe config; leave it out")
    if key == "default_scope" and value not in (*SCOPES, None):
        raise ConfigError(f"{place}: scope '{value}' isn't allowed; use one of {', '.join(SCOPES)}")
    if key in TYPE_KEYS:
        if not isinstance(value, str):
            raise ConfigError(f"{place}: a type is the name of something registered; give a text")
        if value.rpartition(".")[2] in TALKERS:
            raise ConfigError(f"{place}: {value} talks to other machines; use LocalVisBackend")
        if value not in registered_names():
            cure = did_you_mean(nearest(value, registered_names())) or "; check it"
            raise ConfigError(f"{place}: '{value[:80]}' isn't registered{cure}")


@lru_cache
def registered_names() -> frozenset[str]:
    """Every name that a `type` may have: registered in mmengine, mmdet, mmseg or here, bare and scoped."""
    for scope in SCOPES[1:]:
        if find_spec(scope) is not None:
            import_module(f"{scope}.registry")
    names = set()
    for root in vars(roots).values():
        if isinstance(root, Registry) and root.parent is None:
            names |= set(_names_under(root))
    return frozenset(names)


def _names_under(registry: Registry) -> Iterator[str]:
    if registry.scope not in SCOPES:
        return
    registry.import_from_location()
    for name in registry.module_dict:
        if "." not in name:
            yield from (name, f"{registry.scope}.{name}")
    for child in registry.children.values():
        yield from _names_under(child)
