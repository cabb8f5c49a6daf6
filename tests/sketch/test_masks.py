import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from PIL import Image

from clip_plugins.cli.sketch_objects import sample_objects
from clip_plugins.errors import CheckpointError, ConfigError, DataError
from clip_plugins.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def build(kind: str, **arguments):
    return MODELS.build({"type": f"clip_plugins.{kind}", **arguments})


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "cat.png"
    rgba = Image.new("RGBA", (6, 4), (10, 20, 30, 255))
    rgba.paste((0, 0, 0, 0), (0, 0, 3, 4))
    rgba.save(path)
    return path


def test_alpha_is_the_object(picture):
    mask = build("AlphaMask")(picture)
    assert mask.shape == (4, 6) and mask[:, 3:].all() and not mask[:, :3].any()


def test_a_picture_without_alpha_is_told(tmp_path):
    Image.new("RGB", (3, 3)).save(tmp_path / "plain.png")
    with pytest.raises(DataError, match="no alpha channel"):
        build("AlphaMask")(tmp_path / "plain.png")


def test_masks_are_found_by_name_and_light_is_the_object(picture, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    light = np.zeros((4, 6), np.uint8)
    light[0] = 255
    Image.fromarray(light).save(folder / "cat.bmp")
    for path in (folder, folder / "cat.bmp"):
        assert np.array_equal(build("FileMask", path=str(path))(picture), light > 0)


def test_masks_in_folders_of_classes_are_told_apart(tmp_path):
    for number, noun in enumerate(("cat", "dog")):
        for root in ("pictures", "masks"):
            (tmp_path / root / noun).mkdir(parents=True)
            Image.new("L", (6, 4), 255 * number).save(tmp_path / root / noun / "1.png")
    mask = build("FileMask", path=str(tmp_path / "masks"))
    assert [mask(tmp_path / "pictures" / noun / "1.png").all() for noun in ("cat", "dog")] == [False, True]


def test_missing_masks_and_those_of_another_size_are_told(picture, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    with pytest.raises(DataError, match=r"holds no mask cat\.png"):
        build("FileMask", path=str(folder))(picture)
    Image.new("L", (5, 5)).save(folder / "cat.png")
    with pytest.raises(DataError, match="5 x 5 pixels, the picture 6 x 4"):
        build("FileMask", path=str(folder))(picture)


class Finder:
    """A model that finds what it is told to."""

    def __init__(self, **found):
        self.found = BaseDataElement(**found)

    def test_step(self, inputs):
        assert inputs["img_path"][0].endswith("cat.png")
        return [self.found]


def model_mask(texts="cat, background", objects=1, **found):
    mask = build("ModelMask", config={}, checkpoint=None, texts=texts, objects=objects)
    mask._model, mask._pipeline = Finder(**found), lambda results: results
    return mask


def instances(scores, **fields):
    return InstanceData(scores=torch.tensor(scores), **fields)


def test_the_best_boxes_of_a_detector_are_filled_and_weak_ones_left_out(picture):
    boxes = torch.tensor([[1.0, 0, 3, 2], [-4, 3, 9, 9], [0, 0, 6, 4]])
    found = instances([0.4, 0.9, 0.1], bboxes=boxes[[1, 0, 2]])
    best, three = (model_mask(objects=objects, pred_instances=found)(picture) for objects in (1, 3))
    expected = np.zeros((4, 6), bool)
    expected[0:2, 1:3] = True
    assert np.array_equal(best, expected)
    expected[3] = True
    assert np.array_equal(three, expected)


def test_the_best_detection_counts_however_weak(picture):
    boxes = torch.tensor([[0.0, 0, 2, 2], [3, 0, 6, 4]])
    assert model_mask(pred_instances=instances([0.01, 0.02], bboxes=boxes))(picture).sum() == 12


def test_masks_of_a_detector_outrank_its_boxes(picture):
    masks = torch.zeros(1, 4, 6, dtype=torch.bool)
    masks[0, 1, 1] = True
    found = instances([0.9], bboxes=torch.tensor([[0.0, 0, 6, 4]]), masks=masks)
    assert model_mask(pred_instances=found)(picture).sum() == 1


def test_of_a_segmentor_the_first_name_is_taken(picture):
    labels = torch.ones(1, 4, 6, dtype=torch.long)
    labels[:, :2] = 0
    assert model_mask(pred_sem_seg=PixelData(data=labels))(picture).sum() == 12


def test_nothing_found_and_configs_without_pipeline_are_told(picture):
    with pytest.raises(DataError, match="cat, background: not found in"):
        model_mask(pred_instances=instances([], bboxes=torch.zeros(0, 4)))(picture)
    with pytest.raises(ConfigError, match="a config of a detector"):
        build("ModelMask", config={"model": {}}, checkpoint=None, texts="cat")(picture)


def test_a_single_name_that_fills_the_picture_is_told(picture):
    everything = PixelData(data=torch.zeros(1, 4, 6, dtype=torch.long))
    assert model_mask(pred_sem_seg=everything)(picture).all()
    mask = model_mask("cat", pred_sem_seg=everything)
    with pytest.raises(DataError, match="name what else is there"):
        mask(picture)


def needs(package: str):
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} isn't installed")


@pytest.fixture
def heart(tmp_path):
    """A generated heart of a size that TinyCLIP has seen, and where it is."""
    small_one = Image.fromarray(sample_objects(17)[16].image).resize((80, 80))
    image = Image.new("RGB", (160, 160), "white")
    image.paste(small_one, (40, 40))
    image.save(tmp_path / "heart.png")
    return tmp_path / "heart.png", np.asarray(image).min(2) < 240


@needs("mmseg")
def test_a_segmentor_of_this_package_finds_the_object(heart):
    config = CONFIGS / "lseg" / "clip-dense_tiny-clip_demo_ov_shapes.py"
    mask = build("ModelMask", config=str(config), checkpoint=None, texts="a heart", device="cpu")
    path, truth = heart
    found = mask(path)
    assert found.shape == truth.shape and found.dtype == bool
    assert found[truth].mean() > 0.5 > 0.1 > found[~truth].mean()
    assert mask.sources(path) == [config]


@needs("mmseg")
def test_the_background_of_lseg_competes_with_the_name(heart):
    config = Config.fromfile(CONFIGS / "lseg" / "lseg_tiny-clip_demo_ov_shapes.py")
    options = {"config": config, "checkpoint": None, "texts": "heart", "device": "cpu"}
    config.model.background.offset = -1e6
    assert build("ModelMask", **options)(heart[0]).all()
    config.model.background.offset = 1e6
    with pytest.raises(DataError, match="heart: not found"):
        build("ModelMask", **options)(heart[0])


@needs("mmdet")
def test_a_detector_of_this_package_gives_boxes(heart):
    config = CONFIGS / "vild" / "vild-text_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
    torch.manual_seed(0)  # its weights
    mask = build("ModelMask", config=str(config), checkpoint=None, texts="heart", device="cpu")
    found = mask(heart[0])
    assert found.shape == heart[1].shape and found.any()


def test_configs_and_weights_that_are_not_there_are_told(picture, tmp_path):
    with pytest.raises(ConfigError, match="can't be read"):
        build("ModelMask", config=str(tmp_path / "absent.py"), checkpoint=None, texts="cat")(picture)
    with pytest.raises(CheckpointError, match="checkpoint not found"):
        build("ModelMask", config={"model": {}}, checkpoint="absent.pth", texts="cat")(picture)
