import pytest

from clip_plugins.compat.clashes import clashes, limits, release

WELL = {"setuptools": "81.0.0", "mmcv-lite": "2.1.0", "torch": "2.14.1+cpu", "torchvision": "0.29.1",
        "transformers": "5.23.0", "huggingface_hub": "2.4.0", "opencv-python": "5.0.0.93",
        "opencv-python-headless": "5.0.0.93"}


@pytest.mark.parametrize(("versions", "cure"), [
    ({"setuptools": "82.0.1"}, "pip install 'setuptools<82'"),
    ({"mmcv": "2.1.0", "mmcv-lite": "2.1.0"}, "pip uninstall mmcv mmcv-lite, then install"),
    ({"mmdet": "3.3.0", "onedl-mmdetection": "3.5.1"}, "pip uninstall mmdet onedl-mmdetection"),
    ({"mmpretrain": "1.2.0"}, "pip uninstall mmpretrain"),
    ({"transformers": "4.53.3"}, "pip install 'transformers>=5'"),
    ({"torch": "2.15.0"}, "pip install 'torchvision==0.30.*'"),
    ({"opencv-python": "4.13.0"}, "install both in one version"),
])
def test_known_clashes_are_named_with_their_cure(versions, cure):
    assert [cure in clash for clash in clashes({**WELL, **versions}.get)] == [True]


def test_an_environment_without_clash_is_silent():
    assert clashes(WELL.get) == []


def test_an_empty_environment_has_no_clashes():
    assert clashes({}.get) == limits({}.get) == []


def test_what_mmdet_alone_cant_do_is_a_limit_and_no_clash():
    versions = {**WELL, "mmdet": "3.3.0"}
    assert clashes(versions.get) == []
    assert "transformers==4.53.3" in limits(versions.get)[0]
    assert limits({**versions, "transformers": "4.53.3"}.get) == []


@pytest.mark.parametrize(("text", "numbers"), [
    ("4.53.3", (4, 53, 3)), ("2.14.1+cpu", (2, 14, 1)), ("82.0rc1", (82,)), (None, ())])
def test_versions_are_compared_by_their_leading_numbers(text, numbers):
    assert release(text) == numbers
