"""A very small ov_shapes that the tests of this folder share."""
from pathlib import Path

import pytest

from clip_plugins.datasets.ov_shapes import build_ov_shapes

SIZES = {"train": 12, "captions": 10, "val": 6, "test": 4, "drawings": 2}


@pytest.fixture(scope="session")
def ov_shapes_root(tmp_path_factory) -> Path:
    return build_ov_shapes(tmp_path_factory.mktemp("ov_shapes"), SIZES, workers=0, progress=False)
