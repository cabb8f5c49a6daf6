"""What pictures of a name are worth beside its text, measured on a trained detector."""
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from mmengine.runner import Runner
from tqdm import tqdm

from clip_plugins.cli.config import load_config, set_seed
from clip_plugins.cli.ov_shapes import DATA, GROUPS
from clip_plugins.cli.runner import build_runner
from clip_plugins.cli.threshold_experiment import annotation_file
from clip_plugins.files import read_json
from clip_plugins.images import open_image
from clip_plugins.training.trained import require_checkpoint
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary, embed, random_embeddings
from clip_plugins.vocabulary.hook import find_open_vocabulary_model

CONTEXT = 1.25  # sides of an exemplar, in sides of its box
PICTURES = (1, 5)
TEXT, CHANCE = "text", "chance (random embeddings)"


def cut_exemplars(annotations: Mapping[str, Any], images: Path, most: int, seed: int,
                  out: Path) -> dict[str, list[Path]]:
    """Cut pictures of the novel names out of images; names with fewer boxes get fewer pictures.

    Args:
        annotations: content of a COCO file whose categories have a `split`.
        images: folder of its images.
        most: pictures a name.
        seed: draws the boxes.
        out: folder for the pictures.
    Returns:
        name -> pictures.
    """
    name_of = {entry["id"]: entry["name"] for entry in annotations["categories"]
               if entry["split"] != "base"}
    boxes = defaultdict(list)
    for entry in annotations["annotations"]:
        if entry["category_id"] in name_of and not entry.get("iscrowd"):
            boxes[entry["category_id"]].append(entry)
    file_of = {image["id"]: image["file_name"] for image in annotations["images"]}
    out.mkdir(parents=True, exist_ok=True)
    draw, pictures = random.Random(seed), {}
    for number in sorted(boxes):
        drawn = draw.sample(boxes[number], min(most, len(boxes[number])))
        paths = [out / f"{number}_{place}.png" for place in range(len(drawn))]
        for entry, path in zip(drawn, paths):
            left, top, width, height = entry["bbox"]
            margin_x, margin_y = (CONTEXT - 1) / 2 * width, (CONTEXT - 1) / 2 * height
            picture = open_image(images / file_of[entry["image_id"]])
            picture.crop((max(int(left - margin_x), 0), max(int(top - margin_y), 0),
                          min(int(left + width + margin_x) + 1, picture.width),
                          min(int(top + height + margin_y) + 1, picture.height))).save(path)
        pictures[name_of[number]] = paths
    return pictures


def conditions() -> dict[str, tuple[int, float]]:
    """Title of the row -> pictures a name, their weight."""
    return {f"{before}{count} picture{'s' if count > 1 else ''}": (count, weight)
            for before, weight in (("", 1.0), ("text + ", 0.5)) for count in PICTURES}


def vocabularies(seed: int, folder: Path) -> dict[str, Vocabulary]:
    """The vocabularies of one seed by title; pictures and vocabulary files go to `folder`."""
    annotations = read_json(annotation_file("val"))
    names = [entry["name"] for entry in annotations["categories"]]
    pictures = cut_exemplars(annotations, DATA / "images", max(PICTURES), seed, folder / "pictures")
    found = {}
    for title, (count, weight) in conditions().items():
        exemplars = {name: [str(path) for path in paths[:count]] for name, paths in pictures.items()}
        found[title] = Vocabulary(names).with_exemplars(exemplars, weight)
        found[title].save(folder / f"{title.replace(' + ', '_and_').replace(' ', '_')}.yaml")
    return found


class VocabularyTest:
    """One detector tested with many vocabularies: images, backbone and first stage are run once for all.

    Args:
        config: of a two-stage mmdet detector with an open-vocabulary RoI head.
        checkpoint: its weights.
        work_dir: folder for logs.
        images: so many of the test set, the first ones; None: all.
    """

    def __init__(self, config: Path, checkpoint: Path, work_dir: Path, images: int | None = None) -> None:
        require_checkpoint(checkpoint)
        options = [] if images is None else [f"test_dataloader.dataset.indices={images}"]
        self.config: Config = load_config(config, options)
        self.config.work_dir, self.config.load_from, self.config.resume = str(work_dir), None, False
        set_seed(self.config, None)
        self.runner: Runner = build_runner(self.config)
        self.runner.load_checkpoint(str(checkpoint), map_location="cpu", strict=True)
        self.head = find_open_vocabulary_model(self.runner.model)

    def embed(self, vocabulary: Vocabulary) -> TextEmbeddings:
        """Rows of a vocabulary by the detector's encoder."""
        return embed(vocabulary, self.head.encoder)

    def chance(self, names: Sequence[str]) -> TextEmbeddings:
        """Directions that know nothing of the names."""
        return random_embeddings(names, self.head.embed_dim, seed=0)

    @torch.inference_mode()
    def run(self, asked: Mapping[str, TextEmbeddings]) -> dict[str, dict[str, float]]:
        """Metrics of the config's test set by title.

        Args:
            asked: title -> embeddings of the test set's names, in its order.
        """
        loader = self.runner.build_dataloader(self.config.test_dataloader, seed=0)
        metrics = {title: self._metric(loader.dataset.metainfo) for title in asked}
        self.runner.model.eval()
        for batch in tqdm(loader, desc="testing", unit="batch"):
            for title, samples in self._answers(batch, asked):
                metrics[title].process(None, [sample.to_dict() for sample in samples])
        return {title: metric.evaluate(len(loader.dataset)) for title, metric in metrics.items()}

    def _metric(self, metainfo: Mapping[str, Any]) -> BaseMetric:
        metric = METRICS.build(self.config.test_evaluator)
        metric.dataset_meta = dict(metainfo)
        return metric

    def _answers(self, batch: dict, asked: Mapping[str, TextEmbeddings]) -> Iterator[tuple[str, list]]:
        model = self.runner.model
        data = model.data_preprocessor(batch, False)
        maps = model.extract_feat(data["inputs"])
        proposals = model.rpn_head.predict(maps, data["data_samples"], rescale=False)
        for title, embeddings in asked.items():
            self.head.set_vocabulary(embeddings)
            found = model.roi_head.predict(maps, proposals, data["data_samples"], rescale=True)
            yield title, model.add_pred_to_datasample(data["data_samples"], found)


def table(metrics: Mapping[str, Mapping[str, float]], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """AP50 (0-100) of each group of names.

    Args:
        metrics: of `VocabularyTest.run`.
        titles: title of the row -> key in `metrics`.
    """
    return [{"method": title, **{f"ap50_{group}": metrics[key][f"ov/ap50_{group}"] for group in GROUPS}}
            for title, key in titles.items()]
