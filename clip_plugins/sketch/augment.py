"""The views in which sketch and target are compared: a perspective, then a crop, the same for both.

Letters: I pictures, S seeds of each, V views, H×W pixels.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.registry import MODELS

CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))  # x, y of top left, top right, bottom right, bottom left


@dataclass(frozen=True)
class Draw:
    """V views of each of I pictures.

    Args:
        corners: (I, V, 4, 2) int64 x, y: where the picture's corners go (top left, top right, bottom right,
            bottom left; the last row and column are H - 1 and W - 1).
        crops: (I, V, 4) int64 top, left, height, width in the warped picture.
    """

    corners: Tensor
    crops: Tensor

    def __post_init__(self) -> None:
        if self.corners.shape[2:] != (4, 2) or self.crops.shape != (*self.corners.shape[:2], 4):
            raise ShapeError(f"views need corners I×V×4×2 and crops I×V×4, not {tuple(self.corners.shape)} "
                             f"and {tuple(self.crops.shape)}; draw them with JointViews.draw.")


@MODELS.register_module()
class JointViews:
    """Random perspective, then a random square crop scaled back; black where the picture doesn't reach.

    One draw serves a sketch and its target, and all seeds of a picture.

    Args:
        views: V, beside the plain picture.
        distortion: corners move by at most this share of half a side, 0..1.
        crop_area: share of the picture that the crop keeps, in (0, 1].
        darkens_border: multiply pixels once more by the share of the sample that lay inside, as torchvision
            does with a fill (pixels at the border differ by up to 0.25); False: the bilinear sample itself.

    Raises:
        ConfigError: a value outside of its range.
    """

    def __init__(self, views: int = 4, distortion: float = 0.5, crop_area: float = 0.8,
                 darkens_border: bool = True) -> None:
        if views < 0 or not 0 <= distortion <= 1 or not 0 < crop_area <= 1:
            raise ConfigError(f"views={views}, distortion={distortion}, crop_area={crop_area} can't be drawn;"
                              " use views >= 0, a distortion in [0, 1] and a crop_area in (0, 1].")
        self.views = views
        self.distortion = distortion
        self.crop_area = crop_area
        self.darkens_border = darkens_border

    def draw(self, pictures: int, size: tuple[int, int], chance: torch.Generator) -> Draw:
        """Draw views in the order in which torchvision's two transforms use chance.

        Args:
            pictures: I.
            size: (H, W).
            chance: a CPU generator.
        """
        count = pictures * self.views
        drawn = [(self._corners(size, chance), self._crop(size, chance)) for _ in range(count)]
        corners = torch.tensor([corners for corners, _ in drawn], dtype=torch.long)
        crops = torch.tensor([crop for _, crop in drawn], dtype=torch.long)
        return Draw(corners.reshape(pictures, self.views, 4, 2), crops.reshape(pictures, self.views, 4))

    def _corners(self, size: tuple[int, int], chance: torch.Generator) -> list[list[int]]:
        torch.rand(1, generator=chance)  # torchvision's "shall I?", answered by p = 1
        corners = []
        for far_x, far_y in CORNERS:
            corner = []
            for is_far, side in ((far_x, size[1]), (far_y, size[0])):
                reach = int(self.distortion * (side // 2))
                low, high = (side - reach - 1, side) if is_far else (0, reach + 1)
                corner.append(_integer(low, high, chance))
            corners.append(corner)
        return corners

    def _crop(self, size: tuple[int, int], chance: torch.Generator) -> list[int]:
        area = size[0] * size[1] * self.crop_area
        for _ in range(2):  # torchvision's draws of area and aspect ratio, whose ranges have one value
            torch.empty(1).uniform_(0, 1, generator=chance)
        side = max(1, min(round(math.sqrt(area)), *size))
        top = _integer(0, size[0] - side + 1, chance)
        return [top, _integer(0, size[1] - side + 1, chance), side, side]

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        """The views of images.

        Args:
            images: (I, S, 3, H, W) in 0..1; the S of one picture share its views.
            draw: of these I pictures and this size.

        Returns:
            (I, S, V, 3, H, W), not normalised.

        Raises:
            ShapeError: another number of pictures.
        """
        count, seeds, _, height, width = images.shape
        views = draw.corners.shape[1]
        if len(draw.corners) != count:
            raise ShapeError(
                f"{count} pictures can't take the views of {len(draw.corners)}; draw for {count}.")
        if views == 0:
            return images.new_zeros(count, seeds, 0, *images.shape[2:])
        corners = draw.corners.flatten(0, 1).to(images.device)
        grid = perspective_grid(corners, (height, width)).to(images)  # IV×H×W×2
        # the seeds of a picture are channels of one sample: they share its grid
        stacked = images.flatten(1, 2)[:, None].expand(-1, views, -1, -1, -1).flatten(0, 1)  # IV×3S×H×W
        warped = F.grid_sample(stacked, grid, align_corners=False)
        if self.darkens_border:
            whole = torch.ones_like(stacked[:, :1])
            warped = warped * F.grid_sample(whole, grid, align_corners=False)
        scaled = _crop_and_scale(warped, draw.crops.flatten(0, 1), (height, width))
        return scaled.reshape(count, views, seeds, 3, height, width).transpose(1, 2)


def perspective_grid(corners: Tensor, size: tuple[int, int]) -> Tensor:
    """Where each pixel of the warped picture is sampled, for `grid_sample` with align_corners=False.

    As torchvision: the homography is solved for the corners of the pixel indices (0 .. side - 1) and applied
    to pixel centres (at +0.5).

    Args:
        corners: (B, 4, 2) x, y, where the picture's corners go.
        size: (H, W).

    Returns:
        (B, H, W, 2) float64 in -1..1 inside the picture.
    """
    height, width = size
    to = corners.double()
    start = to.new_tensor(CORNERS) * to.new_tensor([width - 1, height - 1])
    solution = torch.linalg.solve(_equations(start.expand_as(to), to), start.flatten().expand(len(to), 8))
    matrix = torch.cat([solution, torch.ones_like(solution[:, :1])], 1).reshape(-1, 3, 3)
    y = torch.arange(height, dtype=torch.float64, device=to.device) + 0.5
    x = torch.arange(width, dtype=torch.float64, device=to.device) + 0.5
    places = torch.stack([*torch.meshgrid(x, y, indexing="xy"), to.new_ones(height, width)], -1)  # H×W×3
    mapped = torch.einsum("hwk,bjk->bhwj", places, matrix)  # B×H×W×3
    pixels = mapped[..., :2] / mapped[..., 2:]
    return pixels * 2 / to.new_tensor([width, height]) - 1


def _equations(start: Tensor, to: Tensor) -> Tensor:
    """(B, 8, 8): the homography that takes `to` to `start` (B, 4, 2), its last entry being 1."""
    (x, y), (u, v) = to.unbind(-1), start.unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    of_x = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)  # B×4×8
    of_y = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    return torch.stack([of_x, of_y], 2).flatten(1, 2)


def _crop_and_scale(images: Tensor, crops: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, K, H, W) cut to crops (B, 4) of one size and scaled back bilinearly."""
    cut = [image[:, top:top + height, left:left + width]
           for image, (top, left, height, width) in zip(images, crops.tolist())]
    return F.interpolate(torch.stack(cut), size, mode="bilinear", align_corners=False)


def _integer(low: int, high: int, chance: torch.Generator) -> int:
    return int(torch.randint(low, high, (1,), generator=chance))
