"""Fixtures groupvit-image and groupvit-grouping: the tower and its grouping block."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from clip_plugins.registry import MODELS
from clip_plugins.segmentation.groupvit import GroupingBlock, GroupingRule, GroupingTower
from clip_plugins.segmentation.groupvit.blocks import AssignAttention
from clip_plugins.segmentation.groupvit.convert import convert, our_name
from tests.parity.harness import Case, Outputs

BLOCK = "img_encoder.layers.0.downsample."


def tower_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Our config of an image tower from the official sizes."""
    groups = [*config["num_output_groups"], None]
    stages = [{"depth": depth, "width": config["embed_dim"] * factor, "heads": heads, "group_tokens": tokens,
               "groups": count} for depth, factor, heads, tokens, count in zip(
                   config["depths"], config["embed_factors"], config["num_heads"],
                   config["num_group_tokens"], groups)]
    return {"stages": stages, "stem": {"patch_size": config["patch_size"]}, "image_size": config["img_size"],
            "rule": {"hard": config["hard_assignment"]}, "mlp_ratio": config["mlp_ratio"],
            "qkv_bias": config["qkv_bias"], "drop_path_rate": 0.0}


def load(module: nn.Module, weights: Mapping[str, Tensor], prefix: str) -> nn.Module:
    """Official weights into the part of a model whose keys begin with `prefix`."""
    state, _, _ = convert(weights)
    module.load_state_dict({key.removeprefix(prefix): tensor for key, tensor in state.items()})
    return module


def official_gradients(case: Case, start: str, module: nn.Module, prefix: str = "") -> Outputs:
    """Gradients under the official keys that the case has; `prefix` is where the module lies in a model."""
    ours = dict(module.named_parameters())
    found = {}
    for name, expected in case.tensors.items():
        key = our_name(name.removeprefix(start)) if name.startswith(start) else None
        if key is not None:
            found[name] = ours[key.removeprefix(prefix)].grad.reshape(expected.shape)
    return found


def image(case: Case) -> Outputs:
    """The tower in all its sub-cases."""
    outputs: Outputs = {}
    for sub, about in case.config["subcases"].items():
        config, weights = case.config["weights"][about["weights"]], case.under(f"w.{about['weights']}.")
        if about["mode"] == "load":
            tower = _tower({**config, "img_size": about["img_size"]}, weights)
            outputs[f"out.{sub}.pos_embed"] = tower.positions.detach()
            continue
        found = _image(case, sub, _tower(config, weights).train(about["mode"] == "train"))
        outputs.update({f"out.{sub}.{name}": tensor.detach() for name, tensor in found.items()})
        if about["mode"] == "train":
            outputs.update(_image_gradients(case, sub, _tower(config, weights).train()))
    return {name: tensor for name, tensor in outputs.items() if name in case.tensors}


def _tower(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> GroupingTower:
    tower = MODELS.build({"type": "clip_plugins.GroupingTower", **tower_options(config)})
    return load(tower, weights, "image_tower.")


def _noise(case: Case, sub: str) -> list[Tensor]:
    drawn = case.under(f"in.{sub}.gumbel_")
    return [drawn[key][:, 0] for key in sorted(drawn)]


def _image(case: Case, sub: str, tower: GroupingTower) -> Outputs:
    seen: Outputs = {}

    def keep_patches(_: nn.Module, __: Any, output: tuple) -> None:
        seen["patch_tokens"] = output[0]

    def keep_stage(index: int) -> Any:
        def keep(_: nn.Module, __: Any, output: tuple) -> None:
            tokens, group_tokens, assignment = output
            seen[f"stage{index}.tokens"] = tokens
            if assignment is not None:
                seen[f"stage{index}.group_tokens"] = group_tokens
                for name, key in (("raw", "raw"), ("soft", "soft"), ("hard", "used")):
                    seen[f"stage{index}.{name}"] = getattr(assignment, key)[:, None]
        return keep
    tower.stem.register_forward_hook(keep_patches)
    for index, stage in enumerate(tower.stages):
        stage.register_forward_hook(keep_stage(index))
    grouped = tower(case[f"in.{sub}.img"], _noise(case, sub))
    seen.update(feat=grouped.groups, x=grouped.image, pos_embed=tower.positions_on(grouped.grid))
    return seen


def _image_gradients(case: Case, sub: str, tower: GroupingTower) -> Outputs:
    grouped = tower(case[f"in.{sub}.img"], _noise(case, sub))
    loss = (grouped.image * case[f"in.{sub}.g_x"]).sum() + (grouped.groups * case[f"in.{sub}.g_feat"]).sum()
    loss.backward()
    return {f"out.{sub}.loss": loss.detach(),
            **official_gradients(case, f"grad.{sub}.", tower, "image_tower.")}


def grouping(case: Case) -> Outputs:
    """The block in all its sub-cases."""
    outputs: Outputs = {}
    for sub, about in case.config["subcases"].items():
        sizes = case.config["weights"][about["weights"]]
        rule = GroupingRule(about["hard"], about["gumbel"], about["gumbel_tau"], about["sum_assign"],
                            about["assign_eps"])
        block = GroupingBlock(sizes["dim"], sizes["out_dim"], sizes["num_heads"], sizes["num_group_token"],
                              sizes["num_output_group"], rule)
        load(block, case.under(f"w.{about['weights']}."), "image_tower.stages.0.grouping.")
        outputs.update(_grouping(case, sub, block.train(about["mode"] == "train")))
    return {name: tensor for name, tensor in outputs.items() if name in case.tensors}


def _grouping(case: Case, sub: str, block: GroupingBlock) -> Outputs:
    seen: Outputs = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, __: Any, output: Any) -> None:
            seen[name] = output[0] if isinstance(module, AssignAttention) else output
        return hook
    for name, module in (("mixed", block.norm_post_tokens), ("projected", block.pre_assign_attn),
                         ("assigned", block.assign)):
        module.register_forward_hook(keep(name))
    inputs = {name: case[f"in.{sub}.{name}"].clone().requires_grad_() for name in ("x", "group_tokens")}
    noise = case.tensors.get(f"in.{sub}.gumbel")
    groups, choice = block(inputs["x"], inputs["group_tokens"], None if noise is None else noise[:, 0])
    (groups * case[f"in.{sub}.g"]).sum().backward()
    seen.update(raw=choice.raw[:, None], soft=choice.soft[:, None], hard=choice.used[:, None], new_x=groups)
    seen["group_sizes"] = choice.used.round().long().sum(-1)[:, None]
    outputs = {f"out.{sub}.{name}": tensor.detach() for name, tensor in seen.items()}
    outputs.update({f"grad.{sub}.{name}": tensor.grad for name, tensor in inputs.items()})
    return {**outputs, **official_gradients(case, f"grad.{sub}.", block, "image_tower.stages.0.grouping.")}


def plain_tower(width: int) -> dict[str, Any]:
    """The smallest tower of a width, where a case stores none."""
    return {"stages": [{"depth": 1, "width": width, "heads": 1, "group_tokens": 2},
                       {"depth": 1, "width": width, "heads": 1}],
            "stem": {"patch_size": 8}, "image_size": 16}
