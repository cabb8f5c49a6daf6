"""Errors of the libraries below, in one sentence with the cure."""
import errno
import pickle
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, TRANSFORMS

from clip_plugins.cli.spelling import did_you_mean, misspelt, nearest
from clip_plugins.cli.translation import registered, translate
from clip_plugins.errors import DataError


def told(work) -> str | None:
    try:
        work()
    except Exception as error:
        return translate(error)
    raise AssertionError("nothing was raised")


def raising(error: BaseException):
    def work():
        raise error
    return work


def test_unknown_type_offers_the_nearest_of_its_kind():
    said = told(lambda: TRANSFORMS.build({"type": "clip_plugins.LoadImmage"}))
    assert said.startswith("type 'clip_plugins.LoadImmage' is not a registered transform; did you mean "
                           "'clip_plugins.LoadImage'")


def test_type_of_a_package_that_is_not_installed():
    said = told(lambda: MODELS.build({"type": "mmnowhere.Model"}))
    assert said == "type 'mmnowhere.Model' needs the package 'mmnowhere', which isn't installed; install it"


def test_unknown_parameter_offers_the_nearest_ones_of_the_class():
    said = told(lambda: TRANSFORMS.build({"type": "clip_plugins.LoadImage", "max_pixel": 3}))
    assert said.startswith("LoadImage takes no 'max_pixel'; did you mean 'max_pixels'")


def test_type_error_of_something_else_within_a_constructor_is_a_defect():
    @MODELS.register_module(name="BrokenInside", force=True)
    class BrokenInside:
        def __init__(self, width: int):
            DataError.__init__(DataError(), height=width)

    assert told(lambda: MODELS.build({"type": "BrokenInside", "width": 1})) is None


def test_parameters_of_parent_classes_are_offered_too():
    said = told(lambda: MODELS.build({"type": "BaseDataPreprocessor", "non_blockin": True}))
    assert "did you mean 'non_blocking'" in said


def test_missing_parameter_is_named():
    said = told(lambda: MODELS.build({"type": "StochasticWeightAverage"}))
    assert said == "the config of StochasticWeightAverage lacks 'model'; add it"


def test_the_same_type_error_outside_of_a_config_is_a_defect():
    assert told(lambda: dict.fromkeys(nothing=1)) is None
    assert told(lambda: DataError().__init__(nothing=1)) is None


def test_registered_names_of_children_carry_their_scope():
    names = dict(registered("transform"))
    assert names["LoadImage"] == "clip_plugins.LoadImage"


def test_error_of_a_data_worker_is_its_last_line():
    text = ("Caught DataError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
            "  File \"x.py\", line 1\nclip_plugins.errors.DataError: image a.png not found; check the path\n")
    assert translate(DataError(text)) == "image a.png not found; check the path"


def test_missing_file_and_full_disk():
    assert told(Path("/nowhere/at/all").read_bytes) == "file not found: /nowhere/at/all; check the path"
    full = OSError(errno.ENOSPC, "No space left on device", "cache/data.mdb")
    assert told(raising(full)) == "no space is left on the disk (cache/data.mdb); free some and start again"
    assert told(raising(OSError(errno.EIO, "Input/output error"))) is None


def test_foreign_object_in_a_checkpoint_is_named():
    error = pickle.UnpicklingError("Weights only load failed.\n\tWeightsUnpickler error: Unsupported global: "
                                   "GLOBAL os.system was not an allowed global by default. Please use ...")
    assert "(Unsupported global: GLOBAL os.system)" in told(raising(error))


@pytest.mark.parametrize("error", [
    EOFError("Ran out of input"), RuntimeError("PytorchStreamReader failed reading zip archive")])
def test_truncated_checkpoint(error: Exception):
    assert told(raising(error)).startswith("the checkpoint is truncated or damaged")


def test_full_gpu_names_the_batch_size():
    assert "train_dataloader.batch_size" in told(raising(torch.OutOfMemoryError("CUDA out of memory")))


def test_defects_are_not_translated():
    for error in (ValueError("x"), KeyError("x"), RuntimeError("x"), TypeError("x")):
        assert told(raising(error)) is None


def test_nearest_ignores_case_and_is_best_first():
    assert nearest("vildroihead", ["ViLDBBoxHead", "ViLDRoIHead", "Resize"])[0] == "ViLDRoIHead"


def test_misspelt_knows_exchanged_letters_but_not_other_words():
    assert misspelt("modle", ["model", "mode"]) == ["model"]
    assert misspelt("trian_dataloader", ["val_dataloader", "train_dataloader"]) == ["train_dataloader"]
    assert misspelt("train_pipeline", ["train_dataloader", "train_cfg"]) == []


@pytest.mark.parametrize(("names", "said"), [
    ([], ""), (["a"], "; did you mean 'a'?"), (["a", "b", "c"], "; did you mean 'a', 'b' or 'c'?")])
def test_offers_read_as_a_sentence(names: list[str], said: str):
    assert did_you_mean(names) == said
