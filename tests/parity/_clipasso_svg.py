"""clipasso-svg: files of strokes written and read, and the pictures that sketches are drawn for."""
import re
import tempfile
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor, resize

from clip_plugins.encoders import Preprocess
from clip_plugins.images import read_image
from clip_plugins.sketch.svg import PathLook, format_path, format_svg, read_svg
from tests.parity.harness import Case, Row

NUMBER = r"-?\d+(?:\.\d+)?"
SALIENCY_SIDE = 320  # most pixels of the shorter side that the official saliency network sees


def files(case: Case) -> dict[str, Tensor]:
    """Every drawing written and read, every picture prepared."""
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, cfg in case.config["svg"].items():
            made = _drawing(case.under(f"in.{name}."), cfg, Path(folder) / "sketch.svg")
            out.update({f"out.{name}.{key}": value for key, value in made.items()})
        for name, cfg in case.config["input"].items():
            made = _picture(case.under(f"in.{name}."), cfg, Path(folder) / "picture.png")
            out.update({f"out.{name}.{key}": value for key, value in made.items()})
    return out


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(NUMBER, text)]


def _drawing(given: dict[str, Tensor], cfg: dict, path: Path) -> dict[str, Tensor]:
    """The numbers that are written, as the official code rounds colours, and what is read again."""
    looks = [PathLook(width, rgba[:3], rgba[3])
             for width, rgba in zip(given["half_width"].numpy(), given["rgba"].numpy())]
    texts = [format_path(points, look, is_official=True)
             for points, look in zip(given["points"].numpy(), looks)]
    elements = [ElementTree.fromstring(text) for text in texts]
    path.write_text(format_svg(texts, (cfg["canvas"], cfg["canvas"])))
    drawing = read_svg(path)
    if list(drawing.size) != cfg["read_canvas"]:
        return {}
    strokes, pieces = drawing.strokes, cfg["segments"]
    points = strokes.points[0].unflatten(0, (-1, pieces))
    first = slice(None, None, pieces)
    rgba = torch.cat([strokes.colours, strokes.opacities[..., None]], -1)
    return {
        "path_numbers": torch.tensor([numbers(e.get("d")) for e in elements]),
        "stroke_width": torch.tensor([float(e.get("stroke-width")) for e in elements]),
        "stroke_opacity": torch.tensor([float(e.get("stroke-opacity")) for e in elements]),
        "stroke_rgb": torch.tensor([numbers(e.get("stroke")) for e in elements]).long(),
        "read_points": torch.cat([points[:, 0, :1], points[:, :, 1:].flatten(1, 2)], 1),
        "read_half_width": strokes.half_widths[0, first],
        "read_rgba": rgba[0, first],
    }


def _picture(given: dict[str, Tensor], cfg: dict, path: Path) -> dict[str, Tensor]:
    """The target of a picture, its mask, and every eighth pixel of what a saliency network sees."""
    target = import_module("clip_plugins.sketch.target")
    Image.fromarray(given["image"].numpy()).save(path)
    picture = read_image(path)
    saliency = given["saliency"].numpy() / 255
    mask = target.binary_mask(saliency, picture.shape[:2])
    made = target.prepare_target(picture, cfg["canvas"], mask if cfg["mask_object"] else None,
                                 centres=bool(cfg["fix_scale"]))
    seen = resize(Image.fromarray(picture), min(SALIENCY_SIDE, *picture.shape[:2]), Image.BICUBIC)
    seen = Preprocess().normalize(pil_to_tensor(seen).float() / 255)
    return {"target": (made * 255).round().to(torch.uint8),
            "mask": torch.from_numpy(mask.astype(np.uint8)),
            "mask_low": torch.from_numpy(target.binary_mask(saliency, saliency.shape).astype(np.uint8)),
            "saliency_input_8": seen[:, ::8, ::8]}


def accept(case: Case, outputs: dict[str, Tensor]) -> list[Row]:
    """Pictures within a grey level but for 1 %, masks but for 0.5 %; colours come back in 0..1."""
    rows = []
    for name, given in outputs.items():
        expected = case[name]
        if name.endswith(".target"):
            error = (given.int() - expected.int()).abs()
            far = (error > 1).float().mean().item()
            rows.append(Row(name, error.max().item(), f"{far:.2%} <= 1 % beyond 1, max <= 3",
                            far <= 0.01 and error.max().item() <= 3))
        elif name.endswith((".mask", ".mask_low")):
            differs = (given.bool() != expected.bool()).float().mean().item()
            rows.append(Row(name, differs, "<= 0.5 % differ", differs <= 0.005))
        elif name == "out.special.read_rgba":
            error = (given - expected.clamp(0, 1)).abs().max().item()
            rows.append(Row(name, error, "0.0001 to the clamped ones", error <= 1e-4))
    return rows
