import pytest
import torch
from torchvision.ops import nms

from clip_plugins.detection.vild import inference
from clip_plugins.errors import ShapeError


def test_the_background_takes_its_share_and_is_dropped():
    logits = torch.log(torch.tensor([[1.0, 2.0, 1.0]]))
    assert torch.allclose(inference.class_probabilities(logits), torch.tensor([[0.25, 0.5]]))


def test_a_discarded_background_takes_no_share():
    logits = torch.log(torch.tensor([[1.0, 3.0, 50.0]]))
    probabilities = inference.class_probabilities(logits, discard_background=True)
    assert torch.allclose(probabilities, torch.tensor([[0.25, 0.75]]))


def test_base_classes_trust_the_detector_and_novel_ones_the_image_branch():
    detector, image = torch.tensor([[0.125, 0.125]]), torch.tensor([[1.0, 1.0]])
    scores = inference.blend_scores(detector, image, torch.tensor([True, False]))
    assert torch.allclose(scores, torch.tensor([[0.25, 0.5]]))  # (1/8)^(2/3), (1/8)^(1/3)


def test_tiny_probabilities_do_not_underflow():
    tiny = torch.full((1, 1), 1e-20)
    assert inference.blend_scores(tiny, tiny, torch.tensor([True])).item() == pytest.approx(1e-20, rel=1e-3)


def test_opinions_over_different_names_are_refused():
    with pytest.raises(ShapeError, match="3 and 2 classes and is_base 3"):
        inference.blend_scores(torch.rand(1, 3), torch.rand(1, 2), torch.ones(3, dtype=torch.bool))


def test_objectness_enters_by_the_geometric_mean():
    score = inference.objectness_scores(torch.tensor([[0.25]]), torch.tensor([0.64]))
    assert score.item() == pytest.approx(0.4)


def test_overlapping_boxes_suppress_each_other_within_a_class_only():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1.0, 0, 11, 10]])
    scores = torch.tensor([[0.9, 0.2], [0.8, 0.7]])
    found, values, labels = inference.classwise_nms(boxes, scores)
    assert values.tolist() == pytest.approx([0.9, 0.7])
    assert labels.tolist() == [0, 1]
    assert torch.equal(found, boxes)


def test_scores_must_exceed_the_threshold():
    boxes = torch.tensor([[0.0, 0, 10, 10]])
    assert not len(inference.classwise_nms(boxes, torch.tensor([[0.5]]), score_threshold=0.5)[1])


def test_only_the_best_regions_of_a_class_take_part():
    boxes = torch.tensor([[0.0, 0, 9, 9], [20.0, 0, 29, 9], [40.0, 0, 49, 9]])
    _, values, _ = inference.classwise_nms(boxes, torch.tensor([[0.1], [0.3], [0.2]]), max_per_class=2)
    assert values.tolist() == pytest.approx([0.3, 0.2])


def random_regions(regions: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    corner = 100 * torch.rand(regions, 2, generator=generator)
    size = 10 + 40 * torch.rand(regions, 2, generator=generator)
    return torch.cat([corner, corner + size], dim=1), torch.rand(regions, classes, generator=generator)


def test_one_call_for_all_classes_equals_a_call_for_each(monkeypatch):
    monkeypatch.setattr(inference, "FIRST_CANDIDATES", 1)  # so that candidates are doubled several times
    boxes, scores = random_regions(40, 7)
    found, values, labels = inference.classwise_nms(boxes, scores, 0.3, 0.1, max_detections=60)
    rows = []
    for label in range(7):
        column = scores[:, label]
        keep = [i for i in nms(boxes, column, 0.3).tolist() if column[i] > 0.1]
        rows += [(column[i].item(), label, boxes[i].tolist()) for i in keep]
    rows = sorted(rows, reverse=True)[:60]
    assert values.tolist() == [row[0] for row in rows]
    assert labels.tolist() == [row[1] for row in rows]
    assert found.tolist() == [row[2] for row in rows]


def test_no_regions_give_no_detections():
    found, values, labels = inference.classwise_nms(torch.zeros(0, 4), torch.zeros(0, 5))
    assert found.shape == (0, 4)
    assert len(values) == len(labels) == 0


def test_the_demo_keeps_sure_large_separate_regions():
    corners = [[0, 0, 20, 20], [1, 0, 21, 20], [50, 0, 55, 5], [50, 50, 70, 70], [0, 40, 20, 60]]
    boxes = torch.tensor(corners, dtype=torch.float32)
    objectness = torch.tensor([0.95, 0.99, 0.99, 0.5, 0.99])
    rois = torch.cat([boxes[:4], torch.zeros(1, 4)])
    assert inference.select_regions(rois, boxes, objectness).tolist() == [1]
    assert inference.select_regions(boxes, boxes, objectness, image_scale=(2.0, 2.0)).tolist() == []


def test_regions_are_listed_by_best_score_without_the_background_ones():
    scores = torch.tensor([[0.1, 0.2], [0.9, 0.0], [0.3, 0.4]])
    assert inference.rank_regions(scores).tolist() == [1, 2, 0]
    assert inference.rank_regions(scores, drop_background=True).tolist() == [2, 0]
