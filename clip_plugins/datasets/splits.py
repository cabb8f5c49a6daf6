"""Any COCO file made an open-vocabulary one: training boxes of base names only, `split` on every category."""

from collections.abc import Sequence
from pathlib import Path

from clip_plugins.datasets.coco_files import read_coco
from clip_plugins.errors import DataError
from clip_plugins.files import read_json, write_json


def read_names(source: str | Path, key: str | None = None) -> list[str]:
    """Reads a list of names.

    Args:
        source: a text file (one name a line) or JSON (a list of names or of `{"name": ...}`, or a dict
            of such lists).
        key: where in a JSON dict the list is; dots go deeper (`ov_coco.base`).

    Returns:
        The names in order.

    Raises:
        DataError: the file can't be read, or there is no such list.
    """
    if Path(source).suffix != ".json":
        try:
            lines = Path(source).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"list of names {source} can't be read ({error}); check the path") from error
        return [line.strip() for line in lines if line.strip()]
    content = read_json(source)
    for part in key.split(".") if key else ():
        content = content.get(part) if isinstance(content, dict) else None
    names = (
        [e.get("name") if isinstance(e, dict) else e for e in content] if isinstance(content, list) else []
    )
    if not names or not all(isinstance(name, str) for name in names):
        has = f"; it has {list(content)}" if isinstance(content, dict) else ""
        raise DataError(f"{source} has no list of names{f' under {key!r}' if key else ''}{has}")
    return names


def split_coco(content: dict, base: Sequence[str], novel: Sequence[str]) -> dict[str, dict]:
    """Splits COCO instances into what an open-vocabulary detector trains on and what it is judged on.

    Args:
        content: a COCO dict.
        base: names whose boxes may be seen in training.
        novel: names that only the evaluation knows; every other category is left out.

    Returns:
        `base` (base categories and boxes) and `all` (base and novel), both with all images.

    Raises:
        DataError: a name is in both lists, or the file doesn't have it.
    """
    shared = sorted(set(base) & set(novel))
    if shared:
        raise DataError(f"names {shared} are base and novel at once; keep each in one list")
    known = {category["name"] for category in content["categories"]}
    unknown = sorted((set(base) | set(novel)) - known)
    if unknown:
        raise DataError(f"the annotation file has no categories {unknown}; correct the lists of names")
    split_of = {**dict.fromkeys(base, "base"), **dict.fromkeys(novel, "novel")}
    return {"base": _only(content, split_of, {"base"}), "all": _only(content, split_of, {"base", "novel"})}


def _only(content: dict, split_of: dict[str, str], splits: set[str]) -> dict:
    categories = [
        {**category, "split": split_of[category["name"]]}
        for category in content["categories"]
        if split_of.get(category["name"]) in splits
    ]
    ids = {category["id"] for category in categories}
    annotations = [entry for entry in content["annotations"] if entry["category_id"] in ids]
    return {**content, "categories": categories, "annotations": annotations}


def write_split(
    instances: str | Path, base: Sequence[str], novel: Sequence[str], folder: str | Path
) -> dict[str, int]:
    """Writes `<stem>_base.json` (training) and `<stem>_all.json` (evaluation, oracle) of a COCO file.

    Args:
        instances: the COCO file.
        base: base names.
        novel: novel names.
        folder: for the two files; made if it doesn't exist.

    Returns:
        Path -> boxes, of each file written.

    Raises:
        DataError: see `read_coco`, `split_coco`.
    """
    content, _ = read_coco(instances)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, part in split_coco(content, base, novel).items():
        path = folder / f"{Path(instances).stem}_{name}.json"
        write_json(path, part)
        written[str(path)] = len(part["annotations"])
    return written
