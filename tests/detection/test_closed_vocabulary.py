import pytest
import torch
from mmengine.structures import InstanceData

from clip_plugins.errors import ConfigError
from clip_plugins.vocabulary import Vocabulary
from tests.detection.vild import small

BOX_HEAD = {"type": "Shared2FCBBoxHead", "in_channels": 8, "roi_feat_size": 3, "fc_out_channels": 12,
            "num_classes": 3}
HEAD = {"type": "clip_plugins.ClosedVocabularyRoIHead", "bbox_head": BOX_HEAD}


def test_detections_bear_the_labels_of_todays_names_without_others():
    model = small.build(HEAD, names=["cat", "dog", "cow"]).train()
    images, samples = small.batch(cached=None)
    model.loss(images, samples)
    model.roi_head.set_vocabulary(["bird", "cow", "cat"])
    for sample in samples:
        sample.proposals = InstanceData(bboxes=torch.tensor([[5.0, 5, 40, 40]]))
    bias = model.roi_head.bbox_head.fc_cls.bias
    bias.data += torch.tensor([1.0, 2.0, 3.0, -50.0])  # cow before dog before cat
    found = model.eval().predict(images, samples)[0].pred_instances
    assert found.labels.tolist() == [1, 2]
    assert found.scores[0] > found.scores[1]


def test_its_checkpoint_knows_the_names():
    model = small.build(HEAD, names=["cat", "dog", "cow"]).train()
    model.loss(*small.batch(cached=None))
    other = small.build(HEAD, names=["dog"], seed=1)
    other.load_state_dict(model.state_dict())
    assert other.roi_head.seen_names == ("cat", "dog", "cow")


def test_another_number_of_training_names_is_refused():
    model = small.build(HEAD, names=["cat", "dog"]).train()
    with pytest.raises(ConfigError, match="num_classes is 3 but the training data has 2"):
        model.loss(*small.batch(cached=None))


def test_detections_under_their_names_threshold_are_not_reported():
    model = small.build(HEAD, names=["cat", "dog", "cow"]).train()
    images, samples = small.batch(cached=None)
    model.loss(images, samples)
    for sample in samples:
        sample.proposals = InstanceData(bboxes=torch.tensor([[5.0, 5, 40, 40]]))
    model.eval()
    found = model.predict(images, samples)[0].pred_instances
    cuts = {0: 0.0, 1: 2.0, 2: 0.0}
    model.roi_head.set_vocabulary(Vocabulary(["cat", "dog", "cow"], thresholds=list(cuts.values())))
    kept = model.predict(images, samples)[0].pred_instances
    assert 1 in found.labels.tolist()
    assert kept.labels.tolist() == [label for label in found.labels.tolist() if label != 1]
