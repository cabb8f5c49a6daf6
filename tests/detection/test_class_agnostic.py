import numpy as np

from clip_plugins.detection.class_agnostic import ForgetNames


def test_every_label_becomes_zero_and_keeps_its_type():
    labels = np.array([3, 0, 7])
    forgotten = ForgetNames()({"gt_bboxes_labels": labels})["gt_bboxes_labels"]
    assert forgotten.tolist() == [0, 0, 0]
    assert forgotten.dtype == labels.dtype
