"""mmseg's visualizer gets the tested names and colours, never the training set's."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("mmseg")

from mmengine.structures import PixelData
from mmseg.visualization import SegLocalVisualizer

from clip_plugins.segmentation import OpenVocabularyVisualizationHook
from tests.segmentation.tiny import sample

TESTED = {"classes": ("sky", "road"), "palette": [[255, 0, 0], [0, 255, 0]]}


class Runs:
    """What the hook asks a testing runner for; asking for its step would build the training set."""

    def __init__(self, names=None) -> None:
        dataset = SimpleNamespace(metainfo=TESTED)
        self.test_loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))
        self.model = torch.nn.Module()
        self.model.names = names

    @property
    def iter(self) -> int:
        raise AssertionError("the training set was built")


@pytest.fixture
def drawn(tmp_path):
    """names of the model, label everywhere -> colours of the drawing."""
    def draw(names, label: int) -> np.ndarray:
        SegLocalVisualizer._instance_dict.clear()
        visualizer = SegLocalVisualizer.get_instance("drawing", vis_backends=[{"type": "LocalVisBackend"}],
                                                     save_dir=str(tmp_path / "out"), alpha=1.0)
        visualizer.dataset_meta = {"classes": ("one",), "palette": [[0, 0, 0]]}  # of a training set
        Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "a.png")
        found = sample(torch.zeros(40, 60, dtype=torch.int64), img_path=str(tmp_path / "a.png"))
        found.pred_sem_seg = PixelData(data=torch.full((1, 40, 60), label))
        hook = OpenVocabularyVisualizationHook(draw=True, interval=1)
        hook.after_test_iter(Runs(names), 0, {}, [found])
        return np.array(Image.open(next((tmp_path / "out").rglob("*.png"))))
    return draw


def test_truth_and_labels_have_the_colours_of_the_tested_names(drawn):
    picture = drawn(TESTED["classes"], 1)
    assert picture.shape == (40, 120, 3)
    assert picture[-1, 0].tolist() == [255, 0, 0] and picture[-1, -1].tolist() == [0, 255, 0]


def test_names_that_the_truth_doesnt_know_are_drawn_alone(drawn):
    picture = drawn(("cat", "dog", "cow"), 2)
    assert picture.shape == (40, 60, 3) and picture[-1, -1].any()


def test_a_model_without_names_has_the_datasets(drawn):
    assert drawn(None, 1).shape == (40, 120, 3)
