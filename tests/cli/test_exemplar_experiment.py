import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clip_plugins.cli import exemplar_experiment as experiment
from clip_plugins.datasets.ov_shapes import build_ov_shapes

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs/vild/vild-text_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"


def test_pictures_are_cut_from_boxes_of_novel_names(tmp_path):
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[10:20, 10:30] = 255
    Image.fromarray(pixels).save(tmp_path / "1.png")
    annotations = {"images": [{"id": 1, "file_name": "1.png"}],
                   "categories": [{"id": 1, "name": "cup", "split": "base"},
                                  {"id": 2, "name": "fork", "split": "novel"}],
                   "annotations": [{"image_id": 1, "category_id": number, "bbox": [10, 10, 20, 10]}
                                   for number in (1, 2)]}
    pictures = experiment.cut_exemplars(annotations, tmp_path, 5, 0, tmp_path / "out")
    assert list(pictures) == ["fork"] and len(pictures["fork"]) == 1
    picture = np.asarray(Image.open(pictures["fork"][0]))
    assert picture.shape[:2] == (14, 26) and picture[6, 13].min() == 255 and picture[0, 0].max() == 0


@pytest.fixture(scope="module")
def ov_shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = {"train": 2, "captions": 2, "val": 4, "test": 3, "drawings": 2}
    return build_ov_shapes(tmp_path_factory.mktemp("ov_shapes"), sizes, workers=0, progress=False)


def test_many_vocabularies_are_tested_as_each_alone(ov_shapes, tmp_path, monkeypatch):
    from mmengine.runner import save_checkpoint

    config = tmp_path / "config.py"
    config.write_text(f'''_base_ = "{CONFIG}"
test_dataloader = dict(num_workers=0, persistent_workers=False, batch_size=2,
                       dataset=dict(data_root="{ov_shapes}/"))
test_evaluator = dict(ann_file="{ov_shapes}/annotations/instances_test.json")
''')
    from mmengine.registry import MODELS, init_default_scope

    from clip_plugins.cli.config import load_config
    init_default_scope("mmdet")
    model = MODELS.build(load_config(config).model)
    save_checkpoint({"state_dict": model.state_dict()}, str(tmp_path / "w.pth"))
    test = experiment.VocabularyTest(config, tmp_path / "w.pth", tmp_path / "logs")
    names = [entry["name"] for entry in json.loads(
        (ov_shapes / "annotations/instances_test.json").read_text())["categories"]]
    rows = {"text": test.embed(experiment.Vocabulary(names)), "chance": test.chance(names)}
    both = test.run(rows)
    assert both["chance"] == test.run({"chance": rows["chance"]})["chance"]
    assert set(both) == {"text", "chance"} and "ov/ap50_all" in both["text"]
