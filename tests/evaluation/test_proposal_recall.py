import json

import pytest
import torch

from clip_plugins.errors import DataError
from clip_plugins.evaluation import ProposalRecall, ranks_of_first_hit


def test_an_object_has_the_rank_of_the_first_proposal_that_overlaps_enough():
    truth = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    proposals = torch.tensor([[0.0, 0, 10, 4], [0, 0, 10, 5], [0, 0, 10, 10]])  # IoU .4, .5, 1
    assert ranks_of_first_hit(truth, proposals).tolist() == [1, 3]


def test_without_proposals_every_object_is_missed():
    assert ranks_of_first_hit(torch.ones(2, 4), torch.zeros(0, 4)).tolist() == [0, 0]
    assert ranks_of_first_hit(torch.zeros(0, 4), torch.ones(2, 4)).tolist() == []


@pytest.fixture
def path(tmp_path) -> str:
    names = [{"id": 1, "name": "a", "split": "base"}, {"id": 2, "name": "b", "split": "novel_noun"}]
    boxes = [(1, 1, [0, 0, 10, 10], 0), (1, 2, [50, 50, 10, 10], 0), (2, 2, [5, 5, 10, 10], 0)]
    boxes += [(2, 1, [70, 70, 20, 20], 1)]  # a crowd
    annotations = [
        {"id": n, "image_id": i, "category_id": c, "bbox": box, "iscrowd": crowd}
        for n, (i, c, box, crowd) in enumerate(boxes)
    ]
    images = [{"id": n, "file_name": f"{n}.png", "width": 100, "height": 100} for n in (1, 2)]
    (tmp_path / "t.json").write_text(
        json.dumps({"images": images, "categories": names, "annotations": annotations})
    )
    return str(tmp_path / "t.json")


def sample(image: int, boxes: list, scores: list[float]) -> dict:
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return {"img_id": image, "pred_instances": {"bboxes": boxes, "scores": torch.tensor(scores)}}


def test_recall_counts_the_best_k_of_each_group(path):
    metric = ProposalRecall(path, counts=(1, 2))
    metric.process(None, [sample(1, [[50, 50, 60, 60], [0, 0, 10, 10]], [0.2, 0.9]), sample(2, [], [])])
    assert metric.evaluate(2) == {
        "proposals/recall1_base": 100.0,
        "proposals/recall2_base": 100.0,
        "proposals/recall1_novel_noun": 0.0,
        "proposals/recall2_novel_noun": 50.0,
        "proposals/recall1_novel": 0.0,
        "proposals/recall2_novel": 50.0,
        "proposals/recall1_all": pytest.approx(33.333),
        "proposals/recall2_all": pytest.approx(66.667),
    }


def test_more_than_the_proposals_there_are_is_no_hit(path):
    metric = ProposalRecall(path, counts=(100,))
    metric.process(None, [sample(1, [[0, 0, 1, 1]], [0.5]), sample(2, [], [])])
    assert set(metric.evaluate(2).values()) == {0.0}


def test_foreign_images_and_missing_files_are_refused(path, tmp_path):
    with pytest.raises(DataError, match="image 9 isn't in"):
        ProposalRecall(path).process(None, [sample(9, [], [])])
    with pytest.raises(DataError, match="doesn't exist"):
        ProposalRecall(str(tmp_path / "none.json"))
