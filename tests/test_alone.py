"""The package where only one of mmdet and mmseg is installed: it imports, and that one's part runs."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# what `import` finds; a subclass, so that the metadata of other packages is still found
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] == {hidden!r} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
import torch
import clip_plugins
from clip_plugins.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
"""
# a detector with names is trained and tested for a step
DETECT = """
assert "ViLDRoIHead" in MODELS.module_dict
from tests.detection.vild import small
model = small.build({"embed_dim": None, "encoder": {"type": "clip_plugins.TinyCLIP"}}, names=["star", "ring"])
small.total(model.train().loss(*small.batch())).backward()
print(len(model.eval().predict(*small.batch())))
"""
# a stock segmentor through the operators' stand-in, and CLIP beside it
SEGMENT = """
assert "ViLDRoIHead" not in MODELS.module_dict and "TinyCLIP" in MODELS.module_dict
from mmseg.registry import MODELS as SEGMENTORS
from mmseg.structures import SegDataSample
from mmengine.structures import PixelData
import mmseg.models
init_default_scope("mmseg")
head = {"type": "FCNHead", "in_channels": 16, "channels": 8, "num_convs": 1, "num_classes": 3,
        "norm_cfg": {"type": "BN"}}
backbone = {"type": "ResNet", "depth": 18, "base_channels": 4, "num_stages": 3, "strides": (1, 2, 2),
            "dilations": (1, 1, 1), "out_indices": (2,), "norm_cfg": {"type": "BN"}}
model = SEGMENTORS.build(ConfigDict(type="EncoderDecoder", backbone=backbone, decode_head=head,
                                    train_cfg={}, test_cfg={"mode": "whole"}))
meta = {"img_shape": (32, 32), "ori_shape": (32, 32), "pad_shape": (32, 32), "padding_size": [0, 0, 0, 0]}
truth = PixelData(data=torch.ones(1, 32, 32).long())
samples = [SegDataSample(metainfo=meta, gt_sem_seg=truth) for _ in range(2)]
images = torch.randn(2, 3, 32, 32)
model.train().loss(images, samples)["decode.loss_ce"].backward()
found = model.eval().predict(images, samples)
tiny = {"type": "clip_plugins.TinyCLIP", "pretrained": False}
lseg = MODELS.build(dict(type="clip_plugins.LSeg", encoder=tiny,
                         backbone=dict(type="clip_plugins.CLIPTaps", encoder=tiny),
                         decoder=dict(in_channels=(64, 128, 256, 512), channels=8)))
lseg.set_vocabulary(["star", "ring"])
lseg.train().loss(images, samples)["loss_pixels"].backward()
assert lseg.eval().predict(images)[0].pred_sem_seg.data.shape == (1, 32, 32)
text = clip_plugins.encoders.build_encoder({"type": "clip_plugins.TinyCLIP"}).encode_texts(["star", "ring"])
print(len(found), tuple(text.shape))
"""


def told_without(hidden: str, code: str) -> str:
    run = subprocess.run([sys.executable, "-c", WITHOUT.format(hidden=hidden) + code], cwd=ROOT,
                         capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


def test_mmdet_without_mmseg_trains_and_tests_a_detector():
    assert told_without("mmseg", DETECT).endswith("2\n")


def test_mmseg_without_mmdet_trains_and_tests_a_segmentor():
    assert told_without("mmdet", SEGMENT).endswith("2 (2, 128)\n")
