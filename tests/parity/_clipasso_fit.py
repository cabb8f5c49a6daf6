"""clipasso-fit-l2: strokes fitted to a picture through our fast mode, judged by the accurate one."""
import math
from typing import Any

import torch
from torch import Tensor

from clip_plugins.sketch import render
from tests.parity._clipasso_render import LEVELS, strokes_of
from tests.parity.harness import Case, Row

JUDGED_EVERY = 10


def grey(points: Tensor, rgba: Tensor, cfg: dict[str, Any], mode: str) -> Tensor:
    """The picture (S, S) of black strokes."""
    half_width = torch.full_like(points[:, 0, 0], cfg["half_width"])
    side = cfg["canvas"]
    return render(strokes_of(points, half_width, rgba), (side, side), mode)[0, 0]


def fit(points: Tensor, rgba: Tensor, target: Tensor, cfg: dict[str, Any]) -> dict[str, Tensor]:
    """Adam as the case says; the losses that it saw, the judge's, and the last strokes."""
    points, rgba = points.clone().requires_grad_(), rgba.clone().requires_grad_()
    groups = [{"params": [points], "lr": cfg["lr_points"]}]
    if cfg["lr_rgba"]:
        groups.append({"params": [rgba], "lr": cfg["lr_rgba"]})
    optimiser = torch.optim.Adam(groups)
    own, judged = [], []
    for step in range(cfg["steps"] + 1):
        with torch.no_grad():
            rgba[:, :3].clamp_(0, 0)
            rgba[:, 3].clamp_(0, 1)
            if step % JUDGED_EVERY == 0:
                judged.append((grey(points, rgba, cfg, "accurate") - target).square().mean())
        if step == cfg["steps"]:
            break
        loss = (grey(points, rgba, cfg, "fast") - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        own.append(loss.detach())
    return {"own_loss": torch.stack(own), "exact_mse": torch.stack(judged), "points": points.detach(),
            "rgba": rgba.detach()}


def fit_scenes(case: Case) -> dict[str, Tensor]:
    """Ours in the place of the official renderer's."""
    out = {}
    for scene, cfg in case.config.items():
        given = case.under(f"in.{scene}.")
        fitted = fit(given["points"], given["rgba"], given["target"].float() / LEVELS, cfg)
        out.update({f"out.{scene}.official_{name}": tensor for name, tensor in fitted.items()})
    return out


def accept(case: Case, outputs: dict[str, Tensor]) -> list[Row]:
    """The final exact error over the official one: each scene, and their geometric mean in every row."""
    ratios = {scene: outputs[f"out.{scene}.official_exact_mse"][-1].item() / cfg["official_final_exact_mse"]
              for scene, cfg in case.config.items()}
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    rows = [Row(f"out.{scene}.official_exact_mse", ratio, f"<= 1.5, geometric mean {mean:.3f} <= 1",
                ratio <= 1.5 and mean <= 1) for scene, ratio in ratios.items()]
    judged = {row.name for row in rows}
    return rows + [Row(name, 0.0, "never compared", True) for name in outputs if name not in judged]
