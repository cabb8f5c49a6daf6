"""Fixture clip-contrastive: open_clip's loss and gradients, in one process and gathered over two."""
import torch
import torch.nn.functional as F
from torch import Tensor

from clip_plugins.contrastive import ContrastiveLoss
from tests.contrastive.processes import run_processes
from tests.parity.harness import Case

LEAVES = ("image_projection", "text_projection", "logit_scale")


def _features(inputs: dict[str, Tensor], weights: dict[str, Tensor], rows: slice) -> tuple[Tensor, Tensor]:
    """Unit features of some rows by the fixture's linear projections."""
    images = F.normalize(inputs["image_inputs"][rows] @ weights["image_projection"], dim=-1)
    texts = F.normalize(inputs["text_inputs"][rows] @ weights["text_projection"], dim=-1)
    return images, texts


def _gradients(loss: Tensor, images: Tensor, texts: Tensor, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    names = ("image_features", "text_features", *LEAVES)
    found = torch.autograd.grad(loss, [images, texts, *(weights[name] for name in LEAVES)])
    return dict(zip(names, found))


def _leaves(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: weights[name].clone().requires_grad_() for name in LEAVES}


def _distributed(rank: int, world_size: int, inputs: dict, weights: dict, settings: list[dict]) -> list[dict]:
    """What one process finds with each setting of the loss."""
    local = len(inputs["image_inputs"]) // world_size
    results = []
    for setting in settings:
        leaves = _leaves(weights)
        images, texts = _features(inputs, leaves, slice(rank * local, (rank + 1) * local))
        loss = ContrastiveLoss(**setting)(images, texts, leaves["logit_scale"].exp())
        results.append({"loss": loss.detach(), **_gradients(loss, images, texts, leaves)})
    return results


def _single(inputs: dict, weights: dict, tag: str, bias: Tensor | None) -> dict[str, Tensor]:
    """The whole batch in one process, with or without a logit bias."""
    leaves = _leaves(weights)
    images, texts = _features(inputs, leaves, slice(None))
    scale, criterion = leaves["logit_scale"].exp(), ContrastiveLoss()
    loss = criterion(images, texts, scale, bias)
    logits, _ = criterion.get_logits(images, texts, scale, bias)
    outputs = {
        "out.image_features": images.detach(),
        "out.text_features": texts.detach(),
        f"out.{tag}.loss": loss.detach(),
        f"out.{tag}.logits_per_image": logits.detach(),
    }
    if bias is not None:
        (outputs[f"grad.{tag}.logit_bias"],) = torch.autograd.grad(loss, [bias], retain_graph=True)
    gradients = _gradients(loss, images, texts, leaves)
    return outputs | {f"grad.{tag}.{name}": gradient for name, gradient in gradients.items()}


def contrastive(case: Case) -> dict[str, Tensor]:
    """Every output and gradient of the fixture."""
    inputs, weights = case.under("in."), case.under("w.")
    outputs = _single(inputs, weights, "single", None)
    outputs |= _single(inputs, weights, "single_bias", inputs["logit_bias"].requires_grad_())
    settings, world_size = case.config["dist"], case.config["world_size"]
    ranks = run_processes(_distributed, world_size, inputs, weights, settings)
    for index in range(len(settings)):
        for rank in range(world_size):
            found = ranks[rank][index]
            outputs[f"out.dist.{index}.rank{rank}.loss"] = found.pop("loss")
            outputs |= {f"grad.dist.{index}.rank{rank}.{name}": value for name, value in found.items()}
        for name in LEAVES:
            outputs[f"grad.dist.{index}.ddp_mean.{name}"] = torch.stack(
                [ranks[rank][index][name] for rank in range(world_size)]
            ).mean(0)
    return outputs
