"""LVIS average precision as its definition reads, in plain loops; and small random data for it."""

from __future__ import annotations

import numpy as np

RANGES = {"": (0, 1e10), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e10)}
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


def small_truth(seed: int, images: int = 14, names: int = 6) -> dict:
    """An LVIS file: every image labelled for some names; frequencies r, c, f; some lists not exhaustive."""
    random = np.random.default_rng(seed)
    content = {
        "images": [],
        "annotations": [],
        "categories": [
            {"id": 3 * k + 2, "name": f"name {k}", "frequency": "rcf"[k % 3]} for k in range(names)
        ],
    }
    ids = [category["id"] for category in content["categories"]]
    for image in range(images):
        positive = random.choice(ids[:-1], 2, replace=False).tolist()  # the last name has no box
        rest = [number for number in ids if number not in positive]
        content["images"].append(
            {
                "id": 100 - 7 * image,
                "height": 200,
                "width": 240,
                "neg_category_ids": random.choice(rest, 2, replace=False).tolist(),
                "not_exhaustive_category_ids": positive[:1] if image % 3 == 0 else [],
            }
        )
        for number in positive:
            for _ in range(random.integers(1, 4)):
                x, y, side = random.uniform(0, 120), random.uniform(0, 90), random.choice([15.0, 50, 105])
                box = [float(v) for v in (x, y, side, side * random.uniform(0.8, 1.0))]
                content["annotations"].append(
                    {
                        "id": len(content["annotations"]) + 1,
                        "image_id": 100 - 7 * image,
                        "category_id": number,
                        "bbox": box,
                        "area": box[2] * box[3],
                        "segmentation": [corners(box)],
                    }
                )
    return content


def corners(box: list[float]) -> list[float]:
    x, y, w, h = box
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def guesses(truth: dict, seed: int, wrong: int = 4) -> dict[int, list[tuple[int, float, list[float]]]]:
    """Detections of each image: (category id, score, x1, y1, x2, y2): jittered truth and nonsense."""
    random = np.random.default_rng(seed)
    ids = [category["id"] for category in truth["categories"]]
    found = {image["id"]: [] for image in truth["images"]}
    for entry in truth["annotations"]:
        for _ in range(2):
            x, y, w, h = np.array(entry["bbox"]) + random.normal(0, 0.06 * entry["bbox"][2], 4)
            found[entry["image_id"]].append((entry["category_id"], random.random(), [x, y, x + w, y + h]))
    for rows in found.values():
        for _ in range(wrong):
            x, y, w, h = random.uniform(5, 100, 4)
            rows.append((int(random.choice(ids)), random.random(), [x, y, x + w, y + h]))
    # float32 as a model gives them, so that both sides see the same numbers
    return {
        image: [(c, float(np.float32(s)), np.float32(b).astype(float).tolist()) for c, s, b in rows]
        for image, rows in found.items()
    }


def limit_per_image(found: dict, count: int) -> dict:
    return {image: sorted(rows, key=lambda row: -row[1])[:count] for image, rows in found.items()}


def limit_per_category(found: dict, count: int) -> dict:
    """The best of each category over all images."""
    rows = sorted(((image, *row) for image, mine in found.items() for row in mine), key=lambda row: -row[2])
    kept, seen = {image: [] for image in found}, {}
    for image, category, score, box in rows:
        seen[category] = seen.get(category, 0) + 1
        if seen[category] <= count:
            kept[image].append((category, score, box))
    return kept


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def match(truth: list[dict], rows: list, threshold: float, area: tuple, incomplete: bool) -> list[tuple]:
    """(score, is true, is ignored) of one image's and category's detections, best first."""
    outside = [not area[0] <= entry["area"] <= area[1] for entry in truth]
    order = sorted(range(len(truth)), key=lambda i: outside[i])
    taken, result = set(), []
    for _, score, box in sorted(rows, key=lambda row: -row[1]):
        best, chosen = threshold, None
        for i in order:
            if i in taken:
                continue
            if chosen is not None and not outside[chosen] and outside[i]:
                break
            x, y, w, h = truth[i]["bbox"]
            value = overlap(box, [x, y, x + w, y + h])
            if value >= best:
                best, chosen = value, i
        if chosen is not None:
            taken.add(chosen)
            result.append((score, True, outside[chosen]))
        else:
            size = (box[2] - box[0]) * (box[3] - box[1])
            result.append((score, False, incomplete or not area[0] <= size <= area[1]))
    return result


def average_precision(truth: dict, found: dict, category: int, threshold: float, area: tuple) -> float | None:
    events, total = [], 0
    for image in sorted(truth["images"], key=lambda entry: entry["id"]):
        mine = [
            e for e in truth["annotations"] if e["image_id"] == image["id"] and e["category_id"] == category
        ]
        total += sum(area[0] <= entry["area"] <= area[1] for entry in mine)
        if mine or category in image["neg_category_ids"]:
            rows = [row for row in found[image["id"]] if row[0] == category]
            events += match(mine, rows, threshold, area, category in image["not_exhaustive_category_ids"])
    if not total:
        return None
    events = sorted((event for event in events if not event[2]), key=lambda event: -event[0])
    precision, recall, true = [], [], 0
    for place, (_, is_true, _) in enumerate(events, 1):
        true += is_true
        precision.append(true / place)
        recall.append(true / total)
    return float(
        np.mean([max((p for p, r in zip(precision, recall) if r >= level), default=0.0) for level in RECALLS])
    )


def lvis_figures(truth: dict, found: dict) -> dict[str, float]:
    """`ap`, `ap50`, `ap75`, `aps`, `apm`, `apl`, `apr`, `apc`, `apf` in 0..100."""

    def mean(categories: list[dict], thresholds: np.ndarray, area: tuple) -> float:
        values = [average_precision(truth, found, c["id"], t, area) for c in categories for t in thresholds]
        return 100 * float(np.mean([value for value in values if value is not None]))

    every = truth["categories"]
    figures = {
        "ap50": mean(every, THRESHOLDS[:1], RANGES[""]),
        "ap75": mean(every, THRESHOLDS[5:6], RANGES[""]),
    }
    figures |= {f"ap{name}": mean(every, THRESHOLDS, area) for name, area in RANGES.items()}
    for frequency in "rcf":
        members = [category for category in every if category["frequency"] == frequency]
        figures[f"ap{frequency}"] = mean(members, THRESHOLDS, RANGES[""])
    return figures
