"""clipasso-render and clipasso-grad: exact coverage and its exact gradients against our accurate mode."""
import torch
from torch import Tensor

from clip_plugins.sketch import Strokes, render
from tests.parity.harness import Case, Row

LEVELS = 65535  # of the stored pictures
KINDS = ("points", "half_width", "rgba")


def strokes_of(points: Tensor, half_width: Tensor, rgba: Tensor) -> Strokes:
    """One canvas of strokes in the case's form."""
    return Strokes(points[None], half_width[None], rgba[None, :, :3], rgba[None, :, 3])


def paint(case: Case, scene: str, mode: str = "accurate") -> Tensor:
    """A scene's picture (3, H, W)."""
    given, cfg = case.under(f"in.{scene}."), case.config[scene]
    strokes = strokes_of(*(given[kind] for kind in KINDS))
    return render(strokes, (cfg["height"], cfg["width"]), mode)[0]


def render_scenes(case: Case) -> dict[str, Tensor]:
    """Pictures in the stored form; the official ones are given back as they are (for reference only)."""
    out = {name: tensor for name, tensor in case.expected.items() if name.endswith(".official")}
    for scene in case.config:
        exact, picture = case[f"out.{scene}.exact"], paint(case, scene)
        out[f"out.{scene}.exact"] = picture[0] if exact.ndim == 2 else picture.permute(1, 2, 0)
    return out


def accept_scenes(case: Case, outputs: dict[str, Tensor]) -> list[Row]:
    """Root mean square and largest error to exact coverage."""
    rows = []
    for scene, cfg in case.config.items():
        name = f"out.{scene}.exact"
        error = (outputs[name].double() - case[name].double() / LEVELS).abs()
        rms, worst = error.square().mean().sqrt().item(), error.max().item()
        limit = f"rms {rms:.5f} <= {cfg['accept_rms']}, max <= {cfg['accept_max']}"
        rows.append(Row(name, worst, limit, rms <= cfg["accept_rms"] and worst <= cfg["accept_max"]))
        rows.append(Row(f"out.{scene}.official", 0.0, "never compared", True))
    return rows


def gradients(case: Case) -> dict[str, Tensor]:
    """Value and gradients of the case's functional; the official gradients as they are."""
    out = {name: tensor for name, tensor in case.expected.items() if ".official_grad_" in name}
    for scene, cfg in case.config.items():
        inputs = [case[f"in.{scene}.{kind}"].clone().requires_grad_() for kind in KINDS]
        picture = render(strokes_of(*inputs), (cfg["height"], cfg["width"]), "accurate")[0]
        weight = case[f"in.{scene}.weight"]
        value = (picture.permute(1, 2, 0) * (weight if weight.ndim == 3 else weight[..., None])).sum()
        value.backward()
        out[f"out.{scene}.value"] = value.detach()[None]
        out.update({f"grad.{scene}.{kind}": given.grad for kind, given in zip(KINDS, inputs)})
    return out


def accept_gradients(case: Case, outputs: dict[str, Tensor]) -> list[Row]:
    """Directions and, for points, lengths; the value within 1 % of the picture's weight."""
    rows = [Row(name, 0.0, "never compared", True) for name in outputs if ".official_grad_" in name]
    for scene in case.config:
        name = f"out.{scene}.value"
        off = (outputs[name] - case[name]).abs().item()
        most = 0.01 * case[f"in.{scene}.weight"].abs().sum().item()
        rows.append(Row(name, off, f"<= {most:.3g}", off <= most))
        for kind, cosine in zip(KINDS, (0.97, 0.97, 0.99)):
            name = f"grad.{scene}.{kind}"
            rows.append(_accept_gradient(name, outputs[name], case[name], cosine))
    return rows


def _accept_gradient(name: str, given: Tensor, exact: Tensor, least: float) -> Row:
    given, exact = given.flatten().double(), exact.flatten().double()
    cosine = torch.cosine_similarity(given, exact, dim=0).item()
    relative = ((given - exact).norm() / exact.norm()).item()
    if len(exact) == 1:
        return Row(name, relative, "same sign", bool(given.sign() == exact.sign()))
    is_near = relative <= 0.25 or not name.endswith(".points")
    limit = f"cosine {cosine:.4f} >= {least}" + (", relative <= 0.25" if name.endswith(".points") else "")
    return Row(name, relative, limit, cosine >= least and is_near)
