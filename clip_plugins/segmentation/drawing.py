"""mmseg's visualizer during a run, with the names that are asked for."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.engine.hooks import SegVisualizationHook

from clip_plugins.datasets.segmentation import colours_of
from clip_plugins.images import read_image
from clip_plugins.registry import HOOKS


@HOOKS.register_module()
class OpenVocabularyVisualizationHook(SegVisualizationHook):
    """`SegVisualizationHook` that draws the names of the model, where it has any, and else the dataset's.

    mmseg's own asks the runner for its step, and at test mmengine builds the training set to answer: it must
    be on the disk, and its fewer classes take the place of the tested names.

    Args:
        draw: whether to draw at all; mmseg's tools/test.py --show and --show-dir set it.
        kwargs: of mmseg's `SegVisualizationHook`.
    """

    def __init__(self, draw: bool = False, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The draw is False")  # which is what is meant
            super().__init__(draw=draw, **kwargs)

    def _after_iter(self, runner: Runner, batch_idx: int, data_batch: Any,
                    outputs: Sequence[Any], mode: str = "val") -> None:
        if not self.draw or mode == "train" or not self.every_n_inner_iters(batch_idx, self.interval):
            return
        loop = runner.test_loop if mode == "test" else runner.val_loop
        known = loop.dataloader.dataset.metainfo
        names = tuple(_names(runner) or known["classes"])
        is_known = names == tuple(known["classes"])  # else the truth has other names
        palette = known.get("palette") if is_known else None
        palette = palette if palette and len(palette) == len(names) else colours_of(len(names))
        self._visualizer.dataset_meta = {"classes": names, "palette": palette}
        for output in outputs:
            self._visualizer.add_datasample(
                f"{mode}_{Path(output.img_path).name}", read_image(output.img_path), data_sample=output,
                draw_gt=is_known, show=self.show, wait_time=self.wait_time,
                step=0 if mode == "test" else runner.iter)


def _names(runner: Runner) -> Sequence[str] | None:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    model = getattr(model, "module", model)  # of test-time augmentation
    return getattr(model, "names", None)
