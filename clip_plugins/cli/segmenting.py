"""`tools/image_demo.py` with a segmentor: every pixel of a picture gets one of any names."""
from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from clip_plugins.cli.inference import OpenVocabularyDetector, each_picture
from clip_plugins.cli.predictions import write_results
from clip_plugins.images import read_image
from clip_plugins.visualization import Masks, draw_masks, safe_name, save_picture


def is_segmentor(config: Config) -> bool:
    """Whether a config is of mmseg's world."""
    return config.get("default_scope") == "mmseg"


class OpenVocabularyLabeller(OpenVocabularyDetector):
    """The segmentor of a config with trained weights and given names; see `OpenVocabularyDetector`."""

    def segment(self, path: str | Path) -> Masks:
        """Labels of one picture, at its own size.

        Raises:
            DataError: the picture is missing or damaged.
        """
        return Masks(self.look(path).pred_sem_seg.data[0].cpu().numpy(), self.names)


def segment_images(source: str | Path, labeller: OpenVocabularyLabeller, out: str | Path) -> list[dict]:
    """Draw the names of all pixels of a picture or a folder, and write their shares as JSON.

    Args:
        source: a picture or a folder.
        labeller: with its names.
        out: folder for `<picture>.png` and `segments.json`.

    Returns:
        one dict a picture: `image` (path below `source`), `picture` (name of the drawing), `shares`: name ->
        share of the pixels.

    Raises:
        DataError: some pictures couldn't be read; all others are finished by then.
    """
    def work(path: Path, name: str) -> dict:
        found = labeller.segment(path)
        drawing = save_picture(draw_masks(read_image(path), found), Path(out) / safe_name(name, ".png"))
        shares = {key: round(share, 5) for key, share in found.shares().items()}
        return {"image": name, "picture": drawing.name, "shares": shares}
    with each_picture(source, out, work, "segmenting") as entries:
        write_results({"names": labeller.names, "images": entries}, Path(out) / "segments.json")
    print_log(f"{len(entries)} pictures and segments.json are in {out}", logger="current")
    return entries
