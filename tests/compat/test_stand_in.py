import subprocess
import sys

import pytest
import torch


def python(code, cwd):
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True)


def test_mmcv_finds_the_stand_in_and_calls_itself_complete():
    import mmcv._ext
    from mmcv.utils.ext_loader import check_ops_exist
    from mmengine.utils.dl_utils import mmcv_full_available
    assert mmcv._ext.__stand_in__
    assert check_ops_exist() and mmcv_full_available()


def test_mmdet_and_mmseg_import_after_the_package(tmp_path):
    done = python("import clip_plugins, mmdet.models, mmdet.apis, mmseg.apis, mmseg.models", tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_operator_that_nobody_serves_raises_on_call_only():
    from mmcv.ops import box_iou_rotated
    boxes = torch.tensor([[0.0, 0, 1, 1, 0]])
    with pytest.raises(NotImplementedError, match=r"'box_iou_rotated' needs compiled mmcv.*install"):
        box_iou_rotated(boxes, boxes)


def test_private_names_are_not_answered():
    import mmcv._ext
    with pytest.raises(AttributeError):
        _ = mmcv._ext.__wrapped__


def make_fake_mmcv(folder, extension):
    (folder / "mmcv").mkdir()
    (folder / "mmcv" / "__init__.py").write_text("")
    (folder / "mmcv" / extension[0]).write_bytes(extension[1])
    return f"import sys; sys.path.insert(0, {str(folder)!r}); import _clip_plugins_boot; import mmcv._ext; "


def test_an_extension_of_mmcvs_own_always_wins(tmp_path):
    code = make_fake_mmcv(tmp_path, ("_ext.py", b"nms = 'compiled'"))
    assert python(code + "print(mmcv._ext.nms)", tmp_path).stdout.strip() == "compiled"


def test_a_broken_extension_raises_its_own_error(tmp_path):
    from importlib.machinery import EXTENSION_SUFFIXES
    code = make_fake_mmcv(tmp_path, ("_ext" + EXTENSION_SUFFIXES[0], b"no shared object"))
    done = python(code, tmp_path)
    assert done.returncode == 1
    assert "ImportError" in done.stderr and "_ext" in done.stderr


@pytest.fixture(scope="module")
def faster_rcnn():
    """mmdet's own config, random weights, slim."""
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules
    from mmengine.hub import get_config
    register_all_modules()
    torch.manual_seed(0)
    model = get_config("mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py").model
    model.backbone.update(depth=18, init_cfg=None)
    model.neck.update(in_channels=[64, 128, 256, 512], out_channels=16)
    model.rpn_head.update(in_channels=16, feat_channels=16)
    model.roi_head.bbox_roi_extractor.out_channels = 16
    model.roi_head.bbox_head.update(in_channels=16, fc_out_channels=32, num_classes=3)
    return MODELS.build(model)


def make_batch():
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData
    sample = DetDataSample(metainfo={"img_shape": (64, 64), "ori_shape": (64, 64), "pad_shape": (64, 64),
                                     "batch_input_shape": (64, 64), "scale_factor": (1.0, 1.0)})
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[8.0, 8, 40, 48]]), labels=torch.tensor([1]))
    return torch.rand(1, 3, 64, 64), [sample]


def test_mmdets_faster_rcnn_trains(faster_rcnn):
    losses = faster_rcnn.train().loss(*make_batch())
    total = sum(torch.stack(value).sum() if isinstance(value, list) else value
                for name, value in losses.items() if "loss" in name)
    total.backward()
    gradients = {name: p.grad for name, p in faster_rcnn.named_parameters() if p.requires_grad}
    assert all(g is not None and g.isfinite().all() for g in gradients.values())
    assert gradients["backbone.layer4.0.conv1.weight"].abs().sum() > 0


def test_mmdets_faster_rcnn_predicts(faster_rcnn):
    with torch.no_grad():
        sample = faster_rcnn.eval().predict(*make_batch())[0]
    assert sample.pred_instances.bboxes.shape[1] == 4
    assert len(sample.pred_instances) == len(sample.pred_instances.scores)
