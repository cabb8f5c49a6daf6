"""What mmengine, torch and the system raise for a user's mistake, said in one sentence with the cure."""
import errno
import inspect
import pickle
import re
import traceback
from collections.abc import Iterator
from importlib.util import find_spec

import torch
from mmengine import registry as roots
from mmengine.registry import Registry

from clip_plugins.cli.spelling import did_you_mean, nearest
from clip_plugins.errors import CheckpointError, ClipPluginsError, ConfigError, DataError

UNREGISTERED = re.compile(r"^['\"]?(?P<name>\S+) is not in the (?P<scope>[\w.]+)::(?P<kind>[\w ]+) registry")
UNRESOLVED = re.compile(r"^Failed to get (?P<name>\S+)$")
UNEXPECTED = re.compile(r"__init__\(\) got an unexpected keyword argument '(?P<key>\w+)'")
MISSING = re.compile(r"__init__\(\) missing \d+ required .*arguments?: (?P<keys>.+)")
WORKER = re.compile(r"^Caught (?P<cls>\w+) in .*process \d+|^Caught (?P<other>\w+) in pin memory")
UNSAFE = re.compile(r"WeightsUnpickler error: ([^\n]*?)(?: was not an allowed|\n|$)")
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def translate(error: BaseException) -> str | None:
    """The sentence for an error that a user can cause, or None where the error is a defect of the program."""
    for reading in (_own, _registry, _arguments, _checkpoint, _memory, _files):
        told = reading(error)
        if told is not None:
            return str(told)
    return None


def _own(error: BaseException) -> ClipPluginsError | None:
    if not isinstance(error, ClipPluginsError):
        return None
    text = str(error)
    if WORKER.match(text):  # torch puts the whole traceback of a data worker into the message
        last = text.strip().splitlines()[-1]
        return type(error)(last.partition(": ")[2] or last)
    return error


def _registry(error: BaseException) -> ConfigError | None:
    found = UNREGISTERED.match(str(error.args[0])) if isinstance(error, KeyError) and error.args else None
    unresolved = UNRESOLVED.match(str(error)) if isinstance(error, RuntimeError) else None
    if found is None and unresolved is None:
        return None
    name, kind = (found["name"], found["kind"]) if found else (unresolved["name"], None)
    package = name.split(".")[0]
    if "." in name and find_spec(package) is None:
        return ConfigError(f"type '{name}' needs the package '{package}', which isn't installed; install it")
    known = dict(registered(kind))
    offered = [known[match] for match in nearest(name.split(".")[-1], known)]
    return ConfigError(f"type '{name}' is not a registered {kind or 'class'}{did_you_mean(offered)}")


def registered(kind: str | None) -> Iterator[tuple[str, str]]:
    """Pairs (bare name, name to write in a config) of all registries of one kind, or of all kinds."""
    for root in vars(roots).values():
        if isinstance(root, Registry) and root.parent is None and kind in (None, root.name):
            yield from _registered_under(root)


def _registered_under(registry: Registry) -> Iterator[tuple[str, str]]:
    prefix = "" if registry.parent is None else f"{registry.scope}."
    for name in registry.module_dict:
        yield name, prefix + name
    for children in registry.children.values():
        for child in children if isinstance(children, list) else [children]:
            yield from _registered_under(child)


def _arguments(error: BaseException) -> ConfigError | None:
    """A constructor that got a key of the config that it doesn't know, or didn't get one that it needs."""
    built = _built(error) if isinstance(error, TypeError) else None
    if built is None:
        return None
    name, parameters, given = built
    unexpected, missing = UNEXPECTED.search(str(error)), MISSING.search(str(error))
    if unexpected and unexpected["key"] in given:
        key = unexpected["key"]
        return ConfigError(f"{name} takes no '{key}'{did_you_mean(nearest(key, sorted(parameters)))}")
    if missing:
        return ConfigError(f"the config of {name} lacks {missing['keys']}; add it")
    return None


def _built(error: BaseException) -> tuple[str, set[str], set[str]] | None:
    """Name of the class that mmengine was building last, its parameters, and those that the config gave."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)
              if frame.f_code.co_name == "build_from_cfg"]
    cls = frames[-1].f_locals.get("obj_cls") if frames else None
    if not inspect.isclass(cls):
        return None
    parameters = {name for parent in cls.__mro__ if parent is not object
                  for name in inspect.signature(parent.__init__).parameters}
    return cls.__name__, parameters - {"self", "args", "kwargs"}, set(frames[-1].f_locals.get("args", ()))


def _checkpoint(error: BaseException) -> CheckpointError | None:
    text = str(error)
    if isinstance(error, pickle.UnpicklingError):
        reason = UNSAFE.search(text)
        reason = reason.group(1) if reason else "it is not a checkpoint"
        return CheckpointError(f"the checkpoint can't be read safely ({reason}); use weights that you trust, "
                               "as safetensors or as a state dict of tensors")
    if isinstance(error, EOFError) or (isinstance(error, RuntimeError) and "PytorchStreamReader" in text):
        return CheckpointError("the checkpoint is truncated or damaged; copy or train it again")
    if isinstance(error, RuntimeError) and "loaded state dict do not match exactly" in text:
        lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
        reason = "; ".join(line if len(line) < 300 else line[:300] + " …" for line in lines[:3])
        return CheckpointError(f"the checkpoint doesn't fit the model of this config ({reason}); use the "
                               "config it was trained with, or --allow-mismatch to load what fits")
    return None


def _memory(error: BaseException) -> ConfigError | None:
    if isinstance(error, torch.OutOfMemoryError):
        return ConfigError("the GPU's memory is full; lower the batch size (--cfg-options "
                           "train_dataloader.batch_size=…) or use --amp")
    return None


def _files(error: BaseException) -> DataError | None:
    if not isinstance(error, OSError):
        return None
    if error.errno in NO_SPACE:
        return DataError(f"no space is left on the disk{_where(error)}; free some and start again")
    if isinstance(error, FileNotFoundError):
        return DataError(f"file not found: {error.filename or error}; check the path")
    if isinstance(error, (PermissionError, IsADirectoryError, NotADirectoryError)):
        reason = (error.strerror or str(error)).lower()
        return DataError(f"{reason}{_where(error)}; check the path and its permissions")
    return None


def _where(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""
