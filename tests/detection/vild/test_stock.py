import pytest
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope

from clip_plugins.detection.vild import ViLDBBoxHead
from clip_plugins.detection.vild.stock import open_bbox_head, open_mask_head
from clip_plugins.errors import ConfigError

STOCK = {"type": "Shared2FCBBoxHead", "in_channels": 8, "fc_out_channels": 12, "roi_feat_size": 3,
         "num_classes": 80, "reg_class_agnostic": False,
         "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": False, "loss_weight": 1.0},
         "loss_bbox": {"type": "SmoothL1Loss", "beta": 0.5, "loss_weight": 1.0}}


def built(config):
    init_default_scope("mmdet")
    return MODELS.build(config)


def shapes(module):
    return {name: tuple(weight.shape) for name, weight in module.named_parameters()}


@pytest.mark.parametrize("kind", ["Shared2FCBBoxHead", "mmdet.Shared2FCBBoxHead", "Shared4Conv1FCBBoxHead"])
def test_the_trunk_of_a_stock_head_keeps_its_weights(kind):
    stock, opened = (built(config) for config in (
        {**STOCK, "type": kind}, open_bbox_head(ConfigDict(STOCK, type=kind), 6)))
    assert isinstance(opened, ViLDBBoxHead)
    trunk = {name: shape for name, shape in shapes(stock).items() if name.startswith("shared")}
    assert trunk and trunk.items() <= shapes(opened).items()
    assert opened.loss_bbox.beta == 0.5


def test_a_head_of_ours_merged_with_a_stock_one_forgets_its_classes():
    head = built(open_bbox_head({**STOCK, "type": "clip_plugins.ViLDBBoxHead", "num_shared_fcs": 1}, 6))
    assert head.reg_class_agnostic and head.fc_reg.out_features == 4


@pytest.mark.parametrize("config", [None, {}, {"type": "DIIHead"}])
def test_a_head_without_counterpart_names_the_cure(config):
    with pytest.raises(ConfigError, match=r"use clip_plugins\.ViLDBBoxHead or one of Shared2FCBBoxHead"):
        open_bbox_head(config, 6)


def test_stock_mask_heads_draw_one_mask_whatever_the_name():
    masks = {"type": "FCNMaskHead", "num_classes": 80}
    assert open_mask_head(masks) == {**masks, "class_agnostic": True}
    assert open_mask_head([masks, masks]) == [{**masks, "class_agnostic": True}] * 2


def test_other_mask_heads_stay_as_they_are():
    assert open_mask_head(None) is None
    assert open_mask_head({"type": "clip_plugins.ViLDMaskHead"}) == {"type": "clip_plugins.ViLDMaskHead"}
