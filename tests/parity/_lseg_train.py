"""lseg-loss: losses, gradients and two steps of the paper's optimiser as mmengine builds it."""
import logging
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import PolyLR, build_optim_wrapper
from torch import Tensor

from clip_plugins.segmentation.lseg.convert import restore
from clip_plugins.segmentation.lseg.losses import pixel_loss
from tests.parity._lseg_models import build, give_names, samples, vit_config
from tests.parity.harness import Case

SCHEDULE = Path(__file__).resolve().parents[2] / "configs" / "_base_" / "schedule_lseg.py"


def wrapper_of(model: torch.nn.Module, base_lr: float, batch: int):
    """The optimiser of configs/_base_/schedule_lseg.py for another batch."""
    config = Config.fromfile(SCHEDULE)
    config.optim_wrapper.optimizer.lr = base_lr / 16 * batch
    config.optim_wrapper.pop("accumulative_counts")
    logging.disable(logging.INFO)  # a line a parameter
    try:
        return build_optim_wrapper(model, config.optim_wrapper), config.param_scheduler[0]
    finally:
        logging.disable(logging.NOTSET)


def rates(wrapper) -> list[float]:
    """The smallest and the largest learning rate."""
    found = [group["lr"] for group in wrapper.optimizer.param_groups]
    return [min(found), max(found)]


def train(case: Case) -> dict[str, Tensor]:
    config = case.config["train"]
    smoothing = {"kind": "depthwise", "activation": config["activation"], "depth": config["block_depth"]}
    weights = case.under("w.")
    model = build(vit_config(config["image_tower"], config["image_tower"]["readout"], smoothing,
                             ignore_index=config["ignore_index"]), weights).train()
    give_names(model, case["in.train.text_features"])
    wrapper, poly = wrapper_of(model, config["base_lr"], config["batch_size_for_lr"])
    schedule = PolyLR(wrapper.optimizer, power=poly.power, eta_min=poly.eta_min, end=config["max_epochs"] + 1)
    image, truth = case["in.train.image"], samples(case["in.train.target"])
    found_losses, found_rates, out = [], [], {}
    for step in range(2):
        found_rates.append(rates(wrapper))
        loss = model.loss(image, truth)["loss_pixels"]
        found_losses.append(loss.detach())
        wrapper.zero_grad()
        loss.backward()
        if step == 0:
            gradients = {name: value.grad.clone() for name, value in model.named_parameters()}
            out |= {f"grad.w.{key}": value for key, value in restore(gradients, weights).items()}
        wrapper.step()
        schedule.step()
    state = restore(model.state_dict(), weights)
    out |= {f"out.train.after.{key}": state.get(key, value) for key, value in weights.items()
            if f"out.train.after.{key}" in case.expected}
    return out | {"out.train.loss": torch.stack(found_losses),
                  "out.train.lr": torch.tensor(found_rates, dtype=case["out.train.lr"].dtype)}


def schedule(case: Case) -> Tensor:
    config, epochs = case.config["train"], case.config["schedule"]["max_epochs"]
    model = torch.nn.ModuleDict({"backbone": torch.nn.Linear(1, 1), "decoder": torch.nn.Linear(1, 1)})
    wrapper, poly = wrapper_of(model, config["base_lr"], config["batch_size_for_lr"])
    scheduler = PolyLR(wrapper.optimizer, power=poly.power, eta_min=poly.eta_min, end=epochs + 1)
    found = []
    for _ in range(epochs):
        found.append(rates(wrapper))
        wrapper.optimizer.step()
        scheduler.step()
    return torch.tensor(found, dtype=case["out.schedule.lr"].dtype)


def alone(scores: Tensor, labels: Tensor, ignore_index: int | None) -> tuple[Tensor, Tensor]:
    scores = scores.clone().requires_grad_()
    loss = pixel_loss(scores, labels.long(), ignore_index)
    loss.backward()
    return loss.detach(), scores.grad


def losses(case: Case) -> dict[str, Tensor]:
    out = train(case) | {"out.schedule.lr": schedule(case)}
    cases = (("logits", "target", case.config["logits"]["ignore_index"]), ("zeroshot", "mask", None))
    for name, truth, ignore_index in cases:
        loss, gradient = alone(case[f"in.{name}.logits"], case[f"in.{name}.{truth}"], ignore_index)
        out[f"out.{name}.loss"] = loss
        out |= {key: gradient for key in case.expected if key.startswith(f"grad.in.{name}.")}
    return out
