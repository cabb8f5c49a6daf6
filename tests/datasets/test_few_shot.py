import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from clip_plugins.datasets.few_shot import COCO, PASCAL, episode_mask, fold_classes, resize_nearest
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.files import write_json

pytest.importorskip("mmseg")

from clip_plugins.datasets.few_shot_segmentation import FewShotSegDataset, class_lists

LOAD = [{"type": "clip_plugins.LoadImage"}, {"type": "clip_plugins.LoadEpisodeMask"}]


def test_folds_partition_the_classes():
    for benchmark, count in (("pascal", 20), ("coco", 80)):
        parts = [fold_classes(benchmark, fold) for fold in range(4)]
        assert sorted(number for part in parts for number in part) == list(range(count))
        assert not set(fold_classes(benchmark, 2, "train")) & set(parts[2])
    assert fold_classes("coco", 1)[:2] == [1, 5] and fold_classes("pascal", 1)[:2] == [5, 6]
    assert len(PASCAL) == 20 and len(COCO) == 80 and len(fold_classes("fss", split="val")) == 240


@pytest.mark.parametrize("asked", [("voc", 0, "test"), ("coco", 4, "test"), ("pascal", 0, "all")])
def test_folds_that_dont_exist_are_refused(asked):
    with pytest.raises(ConfigError):
        fold_classes(*asked)


def test_only_pascal_has_boundaries():
    raw = np.array([[0, 3, 255]], np.uint8)
    assert episode_mask(raw, "pascal", 2).tolist() == [[0, 1, 255]]
    assert episode_mask(raw, "pascal", 2, keep_boundary=False).tolist() == [[0, 1, 0]]
    assert episode_mask(raw, "coco", 2).tolist() == [[0, 1, 0]]
    assert episode_mask(raw, "fss", 2).tolist() == [[0, 0, 1]]
    with pytest.raises(DataError):
        episode_mask(np.zeros((2, 2, 3), np.uint8), "fss", 0)


def test_nearest_takes_the_pixel_at_the_floor():
    assert resize_nearest(np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]]), 2).tolist() == [[0, 1], [3, 4]]


def pictures(folder, names) -> None:
    for name in names:
        for kind in ("images", "masks"):
            (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6)).save(folder / "images" / f"{name}.jpg")
        Image.fromarray(np.full((6, 8), 7, np.uint8)).save(folder / "masks" / f"{name}.png")


def dataset(folder, **options) -> FewShotSegDataset:
    init_default_scope("mmseg")
    options = {"ann_file": "fold.txt", **options}
    return FewShotSegDataset(data_root=str(folder), pipeline=LOAD, **options,
                             data_prefix={"img_path": "images", "seg_map_path": "masks"})


def test_pascals_lists_are_walked_through_again_and_again(tmp_path):
    pictures(tmp_path, ["a", "b", "c"])
    (tmp_path / "fold.txt").write_text("a__7\nb__7\nc__1\n")
    found = dataset(tmp_path, benchmark="pascal", fold=1, episodes=5)
    assert [entry["img_path"][-5] for entry in found] == ["a", "b", "a", "b", "a"]
    assert found[0]["class_label"] == 6 and (found[0]["gt_seg_map"] == 1).all()
    assert found.metainfo["classes"] == PASCAL and found.metainfo["fold_classes"] == (5, 6, 7, 8, 9)


def test_cocos_episodes_are_drawn_by_seed(tmp_path):
    pictures(tmp_path, ["a", "b", "c"])
    write_json(tmp_path / "fold.json", {"6": ["a", "b"], "2": ["c"], "3": ["a"]})
    found = [[(entry["img_path"], entry["class_label"]) for entry in dataset(
        tmp_path, ann_file="fold.json", benchmark="coco", fold=2, episodes=20, seed=seed)]
        for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2] and {label for _, label in found[0]} == {2, 6}


def test_the_support_picture_of_fss_is_never_asked_for(tmp_path):
    (tmp_path / "names.txt").write_text("\n".join(f"class{number:03d}" for number in range(1000)))
    pictures(tmp_path, ["class760/2"])
    found = dataset(tmp_path, benchmark="fss", ann_file="names.txt")
    assert len(found) == 240 * 9 and found[0]["class_label"] == 760


def test_lists_come_from_masks(tmp_path):
    pictures(tmp_path, ["a"])
    found = class_lists([("a", str(tmp_path / "masks" / "a.png"))], 20)
    assert found["6"] == ["a"] and sum(map(len, found.values())) == 1


def test_bad_lists_are_refused(tmp_path):
    pictures(tmp_path, ["a"])
    for text in ("a 7\n", "a__1\n"):
        (tmp_path / "fold.txt").write_text(text)
        with pytest.raises(DataError):
            dataset(tmp_path, benchmark="pascal", fold=1)
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    with pytest.raises(DataError, match="2 classes"):
        dataset(tmp_path, benchmark="fss", ann_file="names.txt")
