"""Copy-paste for masks (arXiv 2012.07177): objects of other images, put where there is background."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from clip_plugins.errors import ConfigError
from clip_plugins.registry import TRANSFORMS

TRIES = 4  # places that are tried for an object before it is left out


@TRANSFORMS.register_module()
class PasteObjects:
    """Objects of other images on free places of this one, none over another; for `MultiImageMixDataset`.

    A scene of few objects teaches as much as one of many, at the cost of one. An object is a connected part
    of the masks that isn't background, whatever its labels; ignored ones come along.

    Args:
        images: whose objects are pasted, drawn anew for each item.
        background: name of the label that may be covered.
        labelled_only: leave out objects all of whose pixels are ignored.
        ignore_index: label of ignored pixels.

    Raises:
        ConfigError: no images.
    """

    def __init__(self, images: int = 2, background: str = "background", labelled_only: bool = False,
                 ignore_index: int = 255) -> None:
        if images < 1:
            raise ConfigError(f"images={images} of PasteObjects must be at least 1; leave the transform out.")
        self.images, self.background = images, background
        self.labelled_only, self.ignore_index = labelled_only, ignore_index
        self._label = 0

    def get_indices(self, dataset: Any) -> list[int]:
        """Which images to paste from; called by `MultiImageMixDataset`.

        Raises:
            ConfigError: the dataset has no such background.
        """
        classes = list(dataset.metainfo["classes"])
        if self.background not in classes:
            raise ConfigError(f"PasteObjects covers {self.background!r}, which the dataset doesn't name; set "
                              "background to one of its names.")
        self._label = classes.index(self.background)
        return [int(index) for index in np.random.randint(len(dataset), size=self.images)]

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Paste into `img` and `gt_seg_map` what the items `mix_results` hold."""
        image, mask = results["img"].copy(), results["gt_seg_map"].copy()
        for other in results["mix_results"]:
            for pixels, labels, inside in self._objects(other["img"], other["gt_seg_map"]):
                self._paste(image, mask, pixels, labels, inside)
        return {**results, "img": image, "gt_seg_map": mask}

    def _objects(self, image: np.ndarray, mask: np.ndarray
                 ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Pixels (h, w, 3), labels (h, w) and extent (h, w) bool of each object."""
        count, numbers, stats, _ = cv2.connectedComponentsWithStats((mask != self._label).astype(np.uint8))
        for number in range(1, count):
            left, top, width, height = stats[number, :4]
            window = np.s_[top:top + height, left:left + width]
            inside = numbers[window] == number
            if not (self.labelled_only and (mask[window][inside] == self.ignore_index).all()):
                yield image[window], mask[window], inside

    def _paste(self, image: np.ndarray, mask: np.ndarray, pixels: np.ndarray, labels: np.ndarray,
               inside: np.ndarray) -> None:
        """Put an object where it covers background alone; leave it out where no such place is found."""
        rows, columns = (whole - part for whole, part in zip(mask.shape, inside.shape))
        if min(rows, columns) < 0:
            return
        for top, left in np.random.randint((rows + 1, columns + 1), size=(TRIES, 2)):
            window = np.s_[top:top + inside.shape[0], left:left + inside.shape[1]]
            if (mask[window][inside] == self._label).all():
                image[window][inside], mask[window][inside] = pixels[inside], labels[inside]
                return
