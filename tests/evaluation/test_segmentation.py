import numpy as np
import pytest
import torch

from clip_plugins.errors import ConfigError, DataError, ShapeError
from clip_plugins.evaluation.segmentation import NounLabels, OpenVocabularyIoU, iou_of, pixel_counts

NAMES = ("background", "red star", "blue star", "red fish")
SPLITS = ("background", "base", "novel_combination", "novel_noun")


def judged(prediction, truth, names=NAMES, splits=SPLITS, **options) -> dict[str, float]:
    metric = OpenVocabularyIoU(**options)
    metric.dataset_meta = {"classes": names, "class_splits": splits}
    samples = [{"pred_sem_seg": {"data": torch.tensor([prediction])},
                "gt_sem_seg": {"data": torch.tensor([truth])}}]
    metric.process({}, samples)
    return metric.evaluate(1)


def test_counts_leave_ignored_pixels_out():
    counts = pixel_counts(torch.tensor([[0, 1], [1, 2]]), torch.tensor([[0, 1], [2, 255]]), 3)
    assert counts.tolist() == [[1, 1, 0], [1, 2, 0], [1, 1, 1]]


def test_a_label_beyond_the_names_is_a_miss_and_no_names_pixel():
    counts = pixel_counts(torch.tensor([[3, 0]]), torch.tensor([[1, 0]]), 3)
    assert counts.tolist() == [[1, 0, 0], [1, 0, 0], [1, 1, 0]]


def test_iou_of_an_unseen_name_is_not_a_number():
    assert np.isnan(iou_of(np.zeros((3, 2)))).all()


def test_every_group_has_its_mean():
    figures = judged([[0, 1, 2, 3]], [[0, 1, 2, 2]])
    assert figures["seg/miou_base"] == 100 and figures["seg/miou_novel_combination"] == 50
    assert figures["seg/miou_all"] == 75 and figures["seg/iou_background"] == 100
    assert figures["seg/miou_novel"] == 50 and figures["seg/pix_acc"] == 75
    assert "seg/miou_novel_noun" not in figures  # no true pixel


def test_absent_names_can_count_as_zero():
    assert judged([[0, 1]], [[0, 1]], absent_is_zero=True)["seg/miou"] == 50


def test_nouns_forgive_the_colour():
    figures = judged([[0, 2, 2, 3]], [[0, 1, 2, 3]], nouns=True)
    assert figures["seg/noun_miou_all"] == 100 and figures["seg/miou_base"] == 0
    assert figures["seg/noun_miou_novel_noun"] == 100


def test_a_noun_of_base_and_novel_names_is_a_base_noun():
    nouns = NounLabels(NAMES, SPLITS)
    assert nouns.names == ("background", "star", "fish")
    assert nouns.splits == ("background", "base", "novel_noun") and nouns.labels == [0, 1, 1, 2]


def test_single_names_are_told_on_request():
    assert judged([[0, 1]], [[0, 1]], classwise=True)["seg/iou_of/red star"] == 100


def test_maps_of_two_sizes_are_refused():
    with pytest.raises(ShapeError):
        pixel_counts(torch.zeros(2, 2), torch.zeros(2, 3), 2)


def test_a_dataset_without_classes_is_refused():
    metric = OpenVocabularyIoU()
    with pytest.raises(ConfigError, match="classes"):
        metric.process({}, [])


def test_a_mask_with_an_unknown_label_is_refused():
    with pytest.raises(DataError, match="label 4 but there are 4 names"):
        judged([[0, 1]], [[0, 4]])
