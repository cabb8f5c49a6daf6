import numpy as np
import pytest
import torch
from PIL import Image

from clip_plugins.errors import DataError
from clip_plugins.evaluation import FewShotIoU, OpenVocabularyIoU
from clip_plugins.evaluation.label_files import write_labels


def sample(**about) -> dict:
    labels = {"data": torch.tensor([[[1, 0]]])}
    return {"pred_sem_seg": labels, "gt_sem_seg": labels, "img_path": "somewhere/photo.1.jpg", **about}


def test_predicted_labels_are_kept_as_masks(tmp_path):
    metric = OpenVocabularyIoU(output_dir=str(tmp_path / "masks"), keep_results=True)  # as mmseg's --out
    metric.dataset_meta = {"classes": ("sky", "road")}
    metric.process({}, [sample()])
    assert np.array(Image.open(tmp_path / "masks" / "photo.1.png")).tolist() == [[1, 0]]


def test_an_image_that_asks_for_several_classes_has_a_file_each(tmp_path):
    metric = FewShotIoU(output_dir=str(tmp_path))
    metric.process({}, [sample(class_label=3), sample(class_label=4)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.1-3.png", "photo.1-4.png"]


def test_labels_above_255_take_16_bits(tmp_path):
    write_labels(np.array([[0, 700]]), tmp_path / "a.png")
    assert np.array(Image.open(tmp_path / "a.png")).tolist() == [[0, 700]]


def test_a_place_that_cant_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="choose another place"):
        write_labels(np.zeros((1, 1)), tmp_path / "file" / "a.png")
