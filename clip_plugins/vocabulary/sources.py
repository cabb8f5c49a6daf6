"""Where names come from: lists, texts, files, a dataset's metainfo."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from clip_plugins.errors import VocabularyError
from clip_plugins.files import write_atomically

SUFFIXES = (".txt", ".json", ".yaml", ".yml")


def read_source(source: Any) -> Mapping[str, Any]:
    """Fields of a vocabulary from a list, a text, a path or a mapping.

    Args:
        source: see Vocabulary.load.

    Returns:
        field -> value, `names` among them.

    Raises:
        VocabularyError: a file that is missing or holds something else, or an unknown kind of source.
    """
    if isinstance(source, Path) or (isinstance(source, str) and _is_file_name(source)):
        fields = read_mapping(read_file(Path(source)), f"{source}")
        return _beside(fields, Path(source).parent) if fields.get("exemplars") else fields
    if isinstance(source, str):
        return {"names": [part.strip() for part in source.split(",")]}
    return read_mapping(source, f"a {type(source).__name__}")


def _beside(fields: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """The fields of a file with its pictures' paths made relative to the file's own folder."""
    def join(paths: Any) -> list[str]:
        return [str(folder / path) for path in ([paths] if isinstance(paths, str) else paths or ())]

    pictures = fields["exemplars"]
    if isinstance(pictures, Mapping):
        return {**fields, "exemplars": {name: join(paths) for name, paths in pictures.items()}}
    return {**fields, "exemplars": [join(paths) for paths in pictures]}


def _is_file_name(text: str) -> bool:
    return "\n" not in text and Path(text.strip()).suffix.lower() in SUFFIXES


def read_file(path: Path) -> Any:
    """Contents of a txt (non-empty lines that don't start with #), JSON or YAML file."""
    if path.suffix.lower() not in SUFFIXES:
        raise VocabularyError(f"{path} is no vocabulary file; use one of {', '.join(SUFFIXES)}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise VocabularyError(f"the vocabulary {path} can't be read ({reason}); check the path.") from error
    except UnicodeDecodeError as error:
        raise VocabularyError(f"the vocabulary file {path} isn't UTF-8; save it as UTF-8.") from error
    if path.suffix.lower() == ".txt":
        lines = (line.strip() for line in text.splitlines())
        return [line for line in lines if line and not line.startswith("#")]
    try:
        return json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise VocabularyError(f"the vocabulary file {path} is damaged ({told}); correct it.") from error


def read_mapping(content: Any, where: str) -> Mapping[str, Any]:
    """Fields from a list of names, a mapping with `names` or `classes`, or COCO annotations."""
    if isinstance(content, Mapping):
        if "names" in content:
            return content
        if "classes" in content:  # a dataset's metainfo; its palette and the like aren't ours
            return {"names": list(content["classes"])}
        if isinstance(content.get("categories"), Sequence):
            return {"names": [category["name"] for category in content["categories"]]}
        raise VocabularyError(f"{where} has none of names, classes and categories; add one of them.")
    if isinstance(content, Sequence) and not isinstance(content, (str, bytes)):
        return {"names": list(content)}
    raise VocabularyError(f"{where} is no vocabulary; give a list of names, a text with commas or a file.")


def write_source(fields: Mapping[str, Any], path: Path) -> None:
    """Write the fields of a vocabulary as JSON or YAML, by the suffix, whole or not at all.

    Raises:
        VocabularyError: another suffix, or a place that can't be written.
    """
    if path.suffix.lower() == ".json":
        text = json.dumps(fields, indent=1, ensure_ascii=False)
    elif path.suffix.lower() in (".yaml", ".yml"):
        text = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False)
    else:
        raise VocabularyError(f"{path} is no vocabulary file; write .yaml or .json.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise VocabularyError(f"{path} can't be written ({error.strerror}); choose another place.") from error
