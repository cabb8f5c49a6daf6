"""Ground-truth boxes that take the proposals along, through whatever a transform does to them."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmdet.structures.bbox import BaseBoxes, HorizontalBoxes, register_box
from torch import Tensor

from clip_plugins.errors import DataError


class Passengers:
    """Proposals of an image on their way through its transforms; none is ever dropped here.

    Attributes:
        boxes: M boxes where they are now, clipped wherever the transforms clipped.
        visibility: (M,) share of each box's area that is still inside.
    """

    def __init__(self, boxes: HorizontalBoxes, visibility: Tensor | None = None) -> None:
        self.boxes = boxes
        self.visibility = torch.ones(len(boxes)) if visibility is None else visibility

    def clone(self) -> Passengers:
        """An independent copy."""
        return Passengers(self.boxes.clone(), self.visibility.clone())

    def move(self, operation: str, *arguments: Any) -> None:
        """Do to the boxes what is done to the ground truth.

        Args:
            operation: name of an in-place method of mmdet's boxes, `clip_` or one that moves.
        """
        area = self.boxes.areas
        getattr(self.boxes, operation)(*arguments)
        if operation == "clip_":
            self.visibility = self.visibility * self.boxes.areas / area.clamp(min=1e-6)


@register_box("clip_plugins.tracked_hbox")  # mmdet asks for a registered type when it makes boxes from masks
class TrackedBoxes(HorizontalBoxes):
    """Horizontal boxes whose every movement moves the passengers, too.

    Without passengers they are sealed: they refuse to move, since proposals would stay behind.

    Args:
        data, dtype, device, clone: see `HorizontalBoxes`.
        passengers: the proposals.
    """

    def __init__(
        self,
        data: Tensor | np.ndarray | Sequence,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        clone: bool = True,
        passengers: Passengers | None = None,
    ) -> None:
        super().__init__(data, dtype=dtype, device=device, clone=clone)
        self.passengers = passengers

    def flip_(self, img_shape: tuple[int, int], direction: str = "horizontal") -> None:
        """See `HorizontalBoxes`; here and below, passengers do the same."""
        self._move("flip_", img_shape, direction)

    def translate_(self, distances: tuple[float, float]) -> None:
        """See `HorizontalBoxes`."""
        self._move("translate_", distances)

    def clip_(self, img_shape: tuple[int, int]) -> None:
        """See `HorizontalBoxes`."""
        self._move("clip_", img_shape)

    def rotate_(self, center: tuple[float, float], angle: float) -> None:
        """See `HorizontalBoxes`."""
        self._move("rotate_", center, angle)

    def project_(self, homography_matrix: Tensor | np.ndarray) -> None:
        """See `HorizontalBoxes`."""
        self._move("project_", homography_matrix)

    def rescale_(self, scale_factor: tuple[float, float]) -> None:
        """See `HorizontalBoxes`."""
        self._move("rescale_", scale_factor)

    def resize_(self, scale_factor: tuple[float, float]) -> None:
        """See `HorizontalBoxes`."""
        self._move("resize_", scale_factor)

    def _move(self, operation: str, *arguments: Any) -> None:
        if self.passengers is None:
            raise DataError(
                f"a transform outside of KeepProposals moves the image ({operation}) and not the proposals; "
                "put it into KeepProposals(transforms=[...])."
            )
        getattr(super(), operation)(*arguments)
        self.passengers.move(operation, *arguments)

    @classmethod
    def cat(cls, box_list: Sequence[BaseBoxes], dim: int = 0) -> BaseBoxes:
        """Refuse to join the boxes of several images.

        Raises:
            DataError: always; the proposals of the other images aren't known here.
        """
        raise DataError(
            "transforms that mix images (Mosaic, MixUp, CopyPaste) can't carry proposals; leave them out of "
            "such a pipeline."
        )

    def convert_to(self, dst_type: str | type) -> BaseBoxes:
        """See `BaseBoxes`; they are 'hbox' already."""
        if dst_type in ("hbox", HorizontalBoxes):
            return HorizontalBoxes(self.tensor, clone=False)
        return super().convert_to(dst_type)

    def __getitem__(self, index: Any) -> TrackedBoxes:
        return self._with_passengers(super().__getitem__(index))

    def clone(self) -> TrackedBoxes:
        """Independent copy with independent passengers: a transform may throw one of the two away."""
        return self._with_passengers(super().clone())

    def to(self, *args: Any, **kwargs: Any) -> TrackedBoxes:
        """See `BaseBoxes`."""
        return self._with_passengers(super().to(*args, **kwargs))

    def __deepcopy__(self, memo: dict) -> TrackedBoxes:
        copied = self.clone()
        memo[id(self)] = copied
        return copied

    def _with_passengers(self, boxes: TrackedBoxes) -> TrackedBoxes:
        boxes.passengers = None if self.passengers is None else self.passengers.clone()
        return boxes
