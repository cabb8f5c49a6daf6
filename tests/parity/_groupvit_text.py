"""Fixtures groupvit-text, -loss and -prompts: text tower, projections, losses, nouns and class embeddings."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.datasets.nouns import kept_words, noun_prompts
from clip_plugins.registry import MODELS
from clip_plugins.segmentation.groupvit import GroupedImage, GroupViT
from clip_plugins.segmentation.groupvit.convert import convert, our_name
from clip_plugins.segmentation.groupvit.prompts import TEMPLATE_SETS
from tests.contrastive.processes import run_processes
from tests.parity._groupvit_towers import official_gradients, plain_tower
from tests.parity.harness import Case, Outputs


def text_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Our config of a text tower from the official sizes."""
    return {"type": "clip_plugins.GroupViTText",
            **{name: config[name] for name in ("width", "layers", "heads", "vocab_size", "context_length")}}


def model_of(image_tower: dict, text_tower: dict, config: Mapping[str, Any], weights: Mapping[str, Tensor],
             **options: Any) -> GroupViT:
    """A GroupViT with the official weights that a case gives; the rest keeps its own."""
    model = MODELS.build({
        "type": "clip_plugins.GroupViT", "image_tower": image_tower, "text_tower": text_tower,
        "embed_dim": config["output_dim"],
        "projector": {"num_layers": config["proj_num_layers"], "hidden_dim": config["projector_hidden"]},
        **options})
    state, _, _ = convert(weights)
    left = model.load_state_dict(state, strict=False)
    assert not left.unexpected_keys, left.unexpected_keys
    return model


def buffers(case: Case, start: str, model: GroupViT) -> Outputs:
    """Statistics of the projectors under their official keys."""
    state = model.state_dict()
    names = [name for name in case.tensors if name.startswith(start)]
    return {name: state[our_name(name.removeprefix(start))] for name in names}


def text(case: Case) -> Outputs:
    """Text tower and projector, evaluated and trained."""
    outputs: Outputs = {}
    for sub, about in case.config["subcases"].items():
        config, weights = case.config["weights"][about["weights"]], case.under(f"w.{about['weights']}.")
        model = model_of(plain_tower(4), text_options(config), config, weights)
        tokens = case[f"in.{sub}.tokens"]
        if about["mode"] == "eval":
            model.eval()
            features = model.text_tower(tokens)
            found = {"text_features": features, "text_x": model.text_projector(features)}
            outputs.update({f"out.{sub}.{name}": tensor.detach() for name, tensor in found.items()})
        else:
            outputs.update(_text_training(case, sub, model.train(), tokens))
    return outputs


def _text_training(case: Case, sub: str, model: GroupViT, tokens: Tensor) -> Outputs:
    features = model.text_tower(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])
    projected = model.text_projector(features)  # B×(1+K)×D
    loss = ((projected[:, 0] * case[f"in.{sub}.g_text_x"]).sum()
            + (projected[:, 1:] * case[f"in.{sub}.g_text_multi_label_x"]).sum())
    loss.backward()
    found = {f"out.{sub}.text_x": projected[:, 0], f"out.{sub}.text_multi_label_x": projected[:, 1:]}
    return {**{name: tensor.detach() for name, tensor in found.items()},
            **buffers(case, f"out.{sub}.after.", model), **official_gradients(case, f"grad.{sub}.", model)}


def loss(case: Case) -> Outputs:
    """Both losses, in one process and in several."""
    outputs: Outputs = {}
    for sub, config in case.config["subcases"].items():
        inputs, weights = case.under(f"in.{sub}."), case.under(f"w.{sub}.")
        if config["world"] == 1:
            model = _loss_model(config, weights)
            found = _loss(model, inputs)
            outputs.update({f"out.{sub}.{name}": tensor for name, tensor in found.items()
                            if f"out.{sub}.{name}" in case.tensors})
            outputs.update({f"grad.{sub}.{name}": tensor for name, tensor in found.items()
                            if f"grad.{sub}.{name}" in case.tensors})
            outputs.update(buffers(case, f"out.{sub}.after.", model))
            outputs.update(official_gradients(case, f"grad.{sub}.", model))
            continue
        for rank, found in enumerate(run_processes(_rank, config["world"], config, inputs, weights)):
            tag = f"{sub}.rank{rank}."
            outputs.update({f"{kind}.{tag}{name}": tensor for name, tensor in found.items()
                            for kind in ("out", "grad") if f"{kind}.{tag}{name}" in case.tensors})
    return outputs


def _loss_model(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> GroupViT:
    multi_label = None
    if config["multi_label"]:
        multi_label = {"type": "clip_plugins.MultiLabelContrastiveLoss",
                       "weight": config["multi_label_loss_weight"]}
    tower = {"width": config["text_width"], "layers": 1, "heads": 1, "vocab_size": 8, "context_length": 4}
    return model_of(plain_tower(config["img_width"]), text_options(tower), config, weights, train_cfg={
        "multi_label": multi_label, "share_temperature": config["share_temperature"]}).train()


def _loss(model: GroupViT, inputs: Mapping[str, Tensor]) -> Outputs:
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in inputs.items()}
    texts = leaves["text"][:, None]
    if "prompts" in leaves:
        texts = torch.cat([texts, leaves["prompts"]], dim=1)
    grouped = GroupedImage(leaves["image"][:, None], leaves["image"], (), (1, 1))
    losses = model.feature_losses(grouped, texts)
    total = sum(losses.values())
    total.backward()
    found = {"loss": losses["loss_contrastive"], "total": total, **{k: v.grad for k, v in leaves.items()}}
    if "loss_multi_label" in losses:
        found["multi_label_loss"] = losses["loss_multi_label"]
    return {name: tensor.detach() for name, tensor in found.items()}


def _rank(rank: int, world: int, config: dict, inputs: dict, weights: dict) -> dict[str, Tensor]:
    """What one process finds; its scales' gradients are its own."""
    own = {name.removeprefix(f"rank{rank}."): tensor for name, tensor in inputs.items()
           if name.startswith(f"rank{rank}.")}
    model = _loss_model(config, weights)
    found = _loss(model, own)
    scales = {name: weight.grad for name, weight in model.named_parameters()
              if name in ("logit_scale", "multi_label_logit_scale")}
    return {**found, **scales}


def prompts(case: Case) -> Outputs:
    """Nouns, their prompts, tokens, template sets, class embeddings, image-level zero-shot."""
    subcases = case.config["subcases"]
    tokenize = MODELS.build({"type": "clip_plugins.GroupViTText", "width": 8, "layers": 1}).tokenize
    outputs: Outputs = {"out.tokenizer.tokens": tokenize(subcases["tokenizer"]["texts"], truncate=True)}
    for index, about in enumerate(subcases["nouns"]):
        nouns = kept_words([tuple(pair) for pair in about["tagged"]])
        assert list(nouns) == about["nouns"]
        for given in about["prompts"]:
            rng = np.random.RandomState(given["numpy_seed"])
            filled, _ = noun_prompts(about["caption"], nouns, about["max_word"],
                                     TEMPLATE_SETS[about["template_set"]], rng)
            texts = [about["caption"], *filled]
            assert texts == given["texts"], (texts, given["texts"])
            outputs[f"out.nouns.{index}.seed{given['numpy_seed']}.tokens"] = tokenize(texts, truncate=True)
    for name, templates in subcases["template_sets"].items():
        assert list(TEMPLATE_SETS[name].templates) == templates, name
    for name in subcases["class_tokens"]["template_sets"]:
        outputs[f"out.class_tokens.{name}"] = torch.stack(
            [tokenize(TEMPLATE_SETS[name].fill(word)) for word in subcases["class_tokens"]["names"]])
    return {**outputs, **_class_embedding(case, subcases["class_embedding"])}


def _class_embedding(case: Case, config: Mapping[str, Any]) -> Outputs:
    towers = plain_tower(config["image_width"]), text_options(config)
    model = model_of(*towers, config, case.under("w.")).eval()
    tokens = case["in.class_embedding.tokens"]  # N×T×L
    with torch.no_grad():
        projected = model.text_projector(model.text_tower(tokens.flatten(0, 1)))
        embedding = model.embed_tokens(tokens.flatten(0, 1), [tokens.shape[1]] * len(tokens))
        images = F.normalize(model.image_projector(case["in.zero_shot.image_features"]), dim=-1)
    return {"out.class_embedding.text_x": projected.unflatten(0, tokens.shape[:2]),
            "out.class_embedding.embedding": embedding, "out.zero_shot.logits": images @ embedding.T}
