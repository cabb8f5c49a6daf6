import pytest
import torch
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead

from clip_plugins.detection.box_head import NormedBBoxHead, NormedLinear

SIZES = {"in_channels": 2, "roi_feat_size": 3, "num_classes": 3, "conv_out_channels": 4, "fc_out_channels": 5}


def test_a_single_region_takes_the_running_statistics():
    layer = NormedLinear(2, 3, {"type": "BN1d"}).train()
    one = torch.randn(1, 2)
    trained = layer(one)
    assert torch.equal(trained, layer.eval()(one))


@pytest.mark.parametrize("layers", [{"num_shared_fcs": 2}, {"num_shared_convs": 1, "num_cls_fcs": 1},
                                    {"num_shared_fcs": 1, "num_cls_fcs": 1}, {"num_reg_convs": 1}])
def test_without_norms_it_is_mmdets_head(layers):
    ours, stock = NormedBBoxHead(**SIZES, **layers), ConvFCBBoxHead(**SIZES, **layers)
    ours.load_state_dict(stock.state_dict())
    maps = torch.randn(6, 2, 3, 3)
    assert all(torch.equal(one, other) for one, other in zip(ours(maps), stock(maps)))


def test_its_fully_connected_layers_have_norms():
    head = NormedBBoxHead(**SIZES, num_shared_fcs=2, fc_norm_cfg={"type": "BN1d"})
    head.init_weights()
    assert [type(layer.norm).__name__ for layer in head.shared_fcs] == ["BatchNorm1d"] * 2
