"""How a sketch came about, frame by frame: GIF and MP4."""
from __future__ import annotations

import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

FRAME_MS, LAST_FRAME_MS = 80, 1500
CODECS = ("vp09", "mp4v")  # browsers play the first; not every build of OpenCV writes it


def animation(frames: Sequence[np.ndarray]) -> bytes:
    """A GIF of H×W×3 uint8 frames that stays on the last one for a while."""
    pictures = [Image.fromarray(frame).convert("L") for frame in frames]
    if any(np.ptp(frame.astype(int), axis=2).any() for frame in frames):  # coloured strokes
        pictures = [Image.fromarray(frame) for frame in frames]
    stays = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    buffer = BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=stays, loop=0)
    return buffer.getvalue()


def video(frames: Sequence[np.ndarray]) -> bytes | None:
    """An MP4 of H×W×3 uint8 frames, the last one repeated; None where this OpenCV writes none.

    Odd sides get a row or column more: video halves colours.
    """
    height, width = frames[0].shape[:2]
    margin = ((0, height % 2), (0, width % 2), (0, 0))
    shown = [np.pad(frame, margin, mode="edge")[..., ::-1] for frame in frames]  # BGR
    shown += [shown[-1]] * (LAST_FRAME_MS // FRAME_MS - 1)
    size = (width + width % 2, height + height % 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        for codec in CODECS:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 1000 / FRAME_MS, size)
            if writer.isOpened():
                break
        else:
            return None
        for frame in shown:
            writer.write(np.ascontiguousarray(frame))
        writer.release()
        return path.read_bytes()
