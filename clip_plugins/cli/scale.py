"""Jobs on annotation files of LVIS' size, each measured in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clip_plugins.errors import ClipPluginsError
from clip_plugins.evaluation.lvis_truth import LVISTruth
from clip_plugins.files import write_json
from clip_plugins.json_stream import write_json_stream

IMAGES_OF = {"r": (1, 10), "c": (11, 100), "f": (101, 2000)}  # that show a name, as in LVIS v1 train
BOXES_OF_A_NAME = 4.6  # in an image that shows it: 1.27 million boxes in all
LABELLED = 0.2  # share of the detections whose name the image is labelled for
POLYGONS, CORNERS = 500, 40  # different outlines, and points of each
WIDTH, HEIGHT = 640, 480
VERSIONS = ("torch", "numpy", "mmengine", "faster-coco-eval")


def write_synthetic_lvis(path: Path, images: int, names: int, seed: int = 0) -> Path:
    """A file like LVIS v1's: frequencies as there, lists of absent names, polygons; entry by entry.

    Args:
        path: the file; left as it is where it exists.
        images, names: how many.
        seed: of everything drawn.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        random = np.random.default_rng(seed)
        write_json_stream(
            path,
            {
                "categories": _categories(names),
                "images": _images(images, names, random),
                "annotations": _annotations(images, names, random),
            },
        )
    return path


def _frequency(k: int, names: int) -> str:
    """Frequencies with the shares of LVIS v1: 405, 461 and 337 of 1,203."""
    share = (k * 7919 % names) / names
    return "f" if share < 405 / 1203 else "c" if share < 866 / 1203 else "r"


def _categories(names: int) -> Iterator[dict]:
    for k in range(names):
        yield {
            "id": k + 1,
            "name": f"name_{k}",
            "synonyms": [f"name_{k}"],
            "frequency": _frequency(k, names),
        }


def _images(images: int, names: int, random: np.random.Generator) -> Iterator[dict]:
    for i in range(images):
        absent = random.integers(1, names + 1, 8)
        yield {
            "id": i + 1,
            "width": WIDTH,
            "height": HEIGHT,
            "neg_category_ids": absent[:5].tolist(),
            "not_exhaustive_category_ids": absent[5:6].tolist(),
            "coco_url": f"http://images.cocodataset.org/train2017/{i:012d}.jpg",
        }


def _annotations(images: int, names: int, random: np.random.Generator) -> Iterator[dict]:
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    outlines = [
        (np.stack([np.cos(angles), np.sin(angles)], 1) * random.uniform(30, 90, (1, 2))).round(2)
        for _ in range(POLYGONS)
    ]
    shapes = [(outline - outline.min(0)).round(2) for outline in outlines]
    polygons = [shape.ravel().tolist() for shape in shapes]
    number = 0
    for k in range(names):
        low, high = IMAGES_OF[_frequency(k, names)]
        # a name's images: log-uniform within its frequency's range
        count = min(images, round(low * (high / low) ** random.random()))
        for image in random.choice(images, count, replace=False).tolist():
            for pick in random.integers(0, POLYGONS, 1 + random.poisson(BOXES_OF_A_NAME - 1)).tolist():
                number += 1
                width, height = shapes[pick].max(0).tolist()
                yield {
                    "id": number,
                    "image_id": image + 1,
                    "category_id": k + 1,
                    "bbox": [0.0, 0.0, width, height],
                    "area": round(width * height * 0.785, 2),
                    "segmentation": [polygons[pick]],
                }


def measure(job: str, tool: Path, folder: Path, detections: int) -> dict[str, float]:
    """Seconds and peak memory (MB, imports included) of one job in a new process.

    Raises:
        ClipPluginsError: the job fails; with the end of what it said.
    """
    command = [
        sys.executable,
        str(tool),
        "--run",
        job,
        "--work-dir",
        str(folder),
        "--detections",
        str(detections),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise ClipPluginsError(f"the job {job} failed with {run.returncode}: {run.stderr[-800:].strip()}")
    return json.loads(run.stdout.splitlines()[-1])


def run_job(job: str, folder: Path, detections: int) -> None:
    """Does one job in this process and says on stdout what it took."""
    work = {
        "imports": import_package,
        "prepare": prepare,
        "dataset": load_dataset,
        "ap": average_precision,
        "fixed_ap": average_precision,
        "manifest": fill_manifest,
    }[job]
    options = {"ap": {"detections": detections}, "fixed_ap": {"detections": detections, "is_fixed": True}}
    start = time.perf_counter()
    work(folder, **options.get(job, {}))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        json.dumps({"seconds": round(time.perf_counter() - start, 1), "peak_mb": round(peak)}) + "\n"
    )


def import_package(folder: Path) -> None:
    """Nothing but the package: what every other job has below it."""
    import clip_plugins.evaluation  # noqa: F401


def prepare(folder: Path) -> None:
    """The two files of `tools/prepare_data.py lvis`."""
    from clip_plugins.datasets.public_splits import prepare_lvis

    prepare_lvis(folder / "lvis.json", folder / "lvis.json", folder)


def load_dataset(folder: Path) -> None:
    """The training set as a config reads it."""
    from mmdet.utils import register_all_modules

    from clip_plugins.registry import DATASETS

    register_all_modules(init_default_scope=True)
    dataset = DATASETS.build(
        {
            "type": "clip_plugins.OpenVocabularyCocoDataset",
            "data_root": str(folder),
            "check_files": False,
            "ann_file": "lvis_v1_train_base.json",
            "data_prefix": {"img": ""},
            "pipeline": [],
        }
    )
    dataset.get_data_info(len(dataset) - 1)


def average_precision(folder: Path, detections: int, is_fixed: bool = False) -> None:
    """LVIS AP of random boxes, a fifth of them with a name of their image."""
    from clip_plugins.evaluation import LVISAveragePrecision, LVISFixedAveragePrecision

    kind = LVISFixedAveragePrecision if is_fixed else LVISAveragePrecision
    metric = kind(str(folder / "lvis_v1_val_all.json"))
    metric.dataset_meta = {"classes": [category["name"] for category in metric.truth.categories]}
    names, shown = len(metric.truth.categories), _names_shown(metric.truth)
    generator = torch.Generator().manual_seed(0)
    for image_id, own in zip(metric.truth.image_ids.tolist(), shown):
        sizes = 60 + 120 * torch.rand(detections, 2, generator=generator)
        labels = torch.randint(0, names, (detections,), generator=generator)
        if len(own):
            labelled = int(LABELLED * detections)
            labels[:labelled] = own[torch.randint(0, len(own), (labelled,), generator=generator)]
        found = {
            "bboxes": torch.cat([torch.zeros(detections, 2), sizes], 1),
            "scores": torch.rand(detections, generator=generator),
            "labels": labels,
        }
        metric.process(None, [{"img_id": image_id, "pred_instances": found}])
    figures = metric.compute_metrics(metric.results)
    sys.stdout.write(f"{figures}\n")


def _names_shown(truth: LVISTruth) -> list[Tensor]:
    """Positions of the boxed names of each image, with repetition."""
    order = truth.images.argsort(kind="stable")
    ends = np.searchsorted(truth.images[order], np.arange(1, len(truth.image_ids)))
    return [torch.from_numpy(labels) for labels in np.split(truth.labels[order], ends)]


def fill_manifest(folder: Path) -> None:
    """A cache with one small entry an image: written, completed, read."""
    from clip_plugins.json_stream import stream_list
    from clip_plugins.proposals.cache import CacheRecipe, fingerprint_file
    from clip_plugins.store import Store, StoreWriter

    path = folder / "lvis_v1_train_base.json"
    identifiers = [image["id"] for image in stream_list(path, "images")]
    recipe = CacheRecipe(max_proposals=1)
    entry = {
        "boxes": np.zeros((1, 4), np.float32),
        "scores": np.zeros(1, np.float32),
        "embeddings": np.zeros((1, 8), np.float16),
    }
    origin = {"annotations": fingerprint_file(path), "images": len(identifiers), **recipe.fingerprint()}
    with StoreWriter(folder / "cache", origin, recipe.fields(8)) as writer:
        missing = writer.missing(identifiers)
        for start in range(0, len(missing), 256):
            writer.put(dict.fromkeys(missing[start : start + 256], entry))
        writer.complete()
    store = Store(folder / "cache", origin)
    store[identifiers[-1]]


def write_rows(name: str, rows: list[dict], **about: object) -> Path:
    """`work_dirs/benchmarks/<name>.json`: the rows, the device, threads and versions."""
    path = Path("work_dirs/benchmarks", f"{name}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        path,
        {
            "rows": rows,
            **about,
            "device": f"cpu ({platform.machine()}, {os.cpu_count()} cores)",
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
            "versions": {package: version(package) for package in VERSIONS},
        },
    )
    return path
