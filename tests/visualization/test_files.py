"""Names from data become safe file names; pictures are written whole or not at all."""
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from clip_plugins.errors import DataError
from clip_plugins.visualization import safe_name, save_picture


@pytest.mark.parametrize("text", ["a red star", "größe ♥", "赤い星", "a.b", "img-001"])
def test_harmless_names_stay(text: str):
    assert safe_name(text, ".png") == text + ".png"


@pytest.mark.parametrize("text", [
    "..", ".", "", " ", "../../etc/passwd", "/etc/passwd", "C:\\Windows", "a\0b", "a\nb", "CON", "con.txt",
    "Lpt1", "name.", "name ", ".hidden",
    "<script>alert(1)</script>", "a" * 300, "♥" * 200, "\ud800", "~", "-rf",
])
def test_any_text_becomes_one_component_under_its_folder(text: str, tmp_path: Path):
    name = safe_name(text, ".png")
    assert name.endswith(".png") and 1 <= len(name.encode()) <= 255
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert not set(name) & set('\0/\\:*?"<>|\n')
    assert not name.startswith(".") and name.split(".")[0].upper() not in {"CON", "LPT1"}
    (tmp_path / name).touch()


DEVICES = [f"{name}{end}" for name in ("CON", "prn", "Aux", "NUL", "COM1", "com9", "LPT1", "lpt\u00b9")
           for end in ("", ".txt", ".tar.gz")]


@pytest.mark.parametrize("text", DEVICES)
def test_device_names_are_no_names(text: str):
    assert not re.match(r"(?i)(con|prn|aux|nul|com.|lpt.)(\.|$)", safe_name(text))


LONG = ["x" * 255, "x" * 256, "\u2665" * 85, "\u2665" * 86, "e\u0301" * 200, "\U0001f600" * 64]


@pytest.mark.parametrize("text", LONG)
def test_long_names_can_be_written(text: str, tmp_path: Path):
    (tmp_path / safe_name(text, ".png")).touch()
    (tmp_path / safe_name(text)).touch()


def test_a_picture_replaces_a_link_and_does_not_follow_it(tmp_path: Path):
    (tmp_path / "outside.png").write_bytes(b"kept")
    (tmp_path / "a.png").symlink_to(tmp_path / "outside.png")
    save_picture(np.zeros((2, 2, 3), np.uint8), tmp_path / "a.png")
    assert (tmp_path / "outside.png").read_bytes() == b"kept"


def test_names_that_were_changed_stay_different():
    assert len({safe_name(text) for text in ("a/b", "a_b", "a:b", "a\\b", "..", ".", "")}) == 7


def test_same_text_gives_the_same_name():
    assert safe_name("../x") == safe_name("../x")


@pytest.mark.parametrize("picture", [np.zeros((2, 3, 3), np.uint8), Image.new("RGB", (3, 2)), Figure()])
def test_picture_is_written_as_png_and_nothing_else_stays(picture, tmp_path: Path):
    path = save_picture(picture, tmp_path / "new folder" / "a.png")
    assert Image.open(path).format == "PNG"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.png"]


def test_failed_writing_leaves_the_old_picture(tmp_path: Path):
    path = save_picture(np.zeros((2, 2, 3), np.uint8), tmp_path / "a.png")
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_picture(np.zeros((2, 2, 7)), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_place_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"can't be written .*choose another place"):
        save_picture(np.zeros((2, 2, 3), np.uint8), tmp_path / "file" / "a.png")
