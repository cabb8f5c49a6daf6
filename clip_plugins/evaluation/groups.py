"""Groups of categories (base, novel, ...) over which open-vocabulary figures are averaged."""

from collections.abc import Mapping, Sequence

from clip_plugins.errors import DataError


def category_groups(
    categories: Sequence[Mapping], extra: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[int]]:
    """Category ids of each group.

    Args:
        categories: of a COCO file, with `id`, `name` and, at will, `split`.
        extra: further groups, name -> category names.

    Returns:
        Group -> ids: one group a value of `split`, `novel` for all splits that begin so (novel_noun,
        ...), the extra ones, and `all`.

    Raises:
        DataError: an extra group names categories that the file doesn't have.
    """
    groups: dict[str, list[int]] = {}
    for category in categories:
        split = category.get("split")
        if split is None:
            continue
        groups.setdefault(split, []).append(category["id"])
        if split.startswith("novel") and split != "novel":
            groups.setdefault("novel", []).append(category["id"])
    id_of = {category["name"]: category["id"] for category in categories}
    for group, names in (extra or {}).items():
        unknown = [name for name in names if name not in id_of]
        if unknown:
            raise DataError(
                f"group {group!r} names {unknown}, which the annotation file doesn't have; correct it"
            )
        groups[group] = [id_of[name] for name in names]
    groups["all"] = [category["id"] for category in categories]
    return groups
