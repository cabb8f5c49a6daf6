from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from clip_plugins.sketch import animation as room
from clip_plugins.sketch.animation import FRAME_MS, LAST_FRAME_MS, animation, video


def grey(*values, size=(6, 8)):
    return [np.full((*size, 3), value, np.uint8) for value in values]


def test_an_animation_stays_on_its_last_frame_and_keeps_colours():
    frames = grey(0, 120, 255)
    red = frames[0].copy()
    red[..., 0] = 200
    gif = Image.open(BytesIO(animation([*frames, red])))
    assert gif.n_frames == 4 and gif.size == (8, 6)
    gif.seek(3)
    assert gif.info["duration"] > 1000
    assert np.abs(np.asarray(gif.convert("RGB")).astype(int)[0, 0] - [200, 0, 0]).max() < 10


@pytest.fixture(params=["vp09", "mp4v"])
def codec(request, monkeypatch):
    monkeypatch.setattr(room, "CODECS", (request.param,))
    if video(grey(0, size=(64, 64))) is None:
        pytest.skip(f"this OpenCV writes no {request.param}")


def test_a_video_shows_every_frame_and_repeats_the_last(codec, tmp_path):
    red = np.zeros((33, 47, 3), np.uint8)  # odd sides
    red[..., 0] = 200
    (tmp_path / "a.mp4").write_bytes(video([*grey(20, 230, size=(33, 47)), red]))
    reader, frames = cv2.VideoCapture(str(tmp_path / "a.mp4")), []
    while True:
        is_there, frame = reader.read()
        if not is_there:
            break
        frames.append(frame[..., ::-1].astype(int))
    assert len(frames) == 2 + LAST_FRAME_MS // FRAME_MS and frames[0].shape == (34, 48, 3)
    for index, colour in ((0, (20,) * 3), (1, (230,) * 3), (-1, (200, 0, 0))):
        assert np.abs(frames[index].mean((0, 1)) - colour).max() < 12


def test_without_a_codec_there_is_no_video(monkeypatch):
    monkeypatch.setattr(room, "CODECS", ())
    assert video(grey(0)) is None
