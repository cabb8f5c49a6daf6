"""Adapters of the `clip-*` cases: official weights through `OpenCLIP`, converters included."""
from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.encoders import OpenCLIP, Preprocess
from clip_plugins.encoders.dense import refine_scores, resnet_dense, vit_dense_tokens
from clip_plugins.encoders.text import OpenAITokenizer
from clip_plugins.encoders.towers import call_with
from clip_plugins.vocabulary import mean_direction
from tests.parity._clip_contrastive import contrastive
from tests.parity.harness import Case, Outputs, Row

# MaskCLIP and open_clip leave a position embedding alone where the grid's form differs, but not its count
MASKCLIP = {"antialias": False, "keep_if_same_count": True}
LOAD_TIME = {"antialias": True, "keep_if_same_count": True}


def architecture(config: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's model config from a case's sizes; a case without a text tower gets a small one."""
    is_vit = "vision_patch_size" in config
    width, heads = config["vision_width"] * (1 if is_vit else 32), config["vision_heads"]
    vision = {"image_size": config["image_resolution"], "width": config["vision_width"],
              "layers": config["vision_layers"], "head_width": width // heads}
    if is_vit:
        vision["patch_size"] = config["vision_patch_size"]
    text = {"context_length": config.get("context_length", 4), "vocab_size": config.get("vocab_size", 4),
            "width": config.get("transformer_width", 8), "heads": config.get("transformer_heads", 1),
            "layers": config.get("transformer_layers", 1)}
    norm = {"norm_kwargs": {"eps": config["layernorm_eps"]}} if "layernorm_eps" in config else {}
    return {"embed_dim": config["embed_dim"], "vision_cfg": {**vision, **norm}, "text_cfg": {**text, **norm}}


def uses_quick_gelu(config: Mapping[str, Any]) -> bool:
    """Whether a case's activation, a text, is QuickGELU; OpenAI's is where the case doesn't say."""
    return "QuickGELU" in config.get("activation", "QuickGELU")


def load(weights: Mapping[str, Tensor], model: Mapping[str, Any], **options: Any) -> OpenCLIP:
    """The encoder with official weights, read from a file as a user's would be."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "official.safetensors"
        save_file(dict(weights), path)
        return OpenCLIP(model, path, **options)


def image_tower(weights: Mapping[str, Tensor], model: Mapping[str, Any], **options: Any) -> OpenCLIP:
    """An encoder whose image tower has the official weights (the case stores no text tower)."""
    filler = OpenCLIP(model).clip.state_dict()
    text = {key: tensor for key, tensor in filler.items() if not key.startswith("visual.")}
    return load({**text, **weights}, model, **options)


def zeroshot(case: Case) -> Outputs:
    """Prompt-ensembled classifier, and the preprocessing of pictures."""
    config = case.config
    encoder = load(case.under("w."), architecture(config), quick_gelu=uses_quick_gelu(config))
    tokens = case["in.token_ids"]
    features = torch.stack([encoder.encode_tokens(row) for row in tokens])  # class×template×D
    images = encoder.encode_image(case["in.images"])
    weights = mean_direction(features)
    wrong = F.normalize(features.mean(1), dim=-1)
    cosines = F.normalize(images, dim=-1) @ weights.T
    logits = encoder.logit_scale * cosines
    top = logits.softmax(-1).topk(5)
    size = config["preprocess"]["n_px"]
    prepare = Preprocess(size, config["preprocess"]["mean"], config["preprocess"]["std"])
    pictures = {f"out.preprocess.{name}": prepare(picture)
                for name, picture in case.under("in.preprocess.").items()}
    return {
        **pictures,
        "out.text_features": features, "out.class_weights": weights.T, "out.image_features": images,
        "out.logits": logits, "out.logits_100": 100 * cosines, "out.probs": logits.softmax(-1),
        "out.top5_indices": top.indices, "out.top5_values": top.values,
        "out.trap_mean_unnormalised_class_weights": wrong.T,
        "out.trap_mean_unnormalised_logits": encoder.logit_scale * F.normalize(images, dim=-1) @ wrong.T,
    }


def resnet_vit(case: Case) -> Outputs:
    """Both kinds of model, every block on the way."""
    outputs: Outputs = {}
    for tag in ("vit", "rn"):
        outputs.update({f"out.{tag}.{name}": tensor for name, tensor in _forward(case, tag).items()})
    return outputs


def _forward(case: Case, tag: str) -> Outputs:
    weights, model = case.under(f"w.{tag}."), architecture(case.config[tag])
    quick = uses_quick_gelu(case.config[tag])
    encoder = load(weights, model, quick_gelu=quick)
    images, tokens = case[f"in.{tag}.images"], case[f"in.{tag}.token_ids"]
    image, text = encoder.encode_image(images), encoder.encode_tokens(tokens)
    logits = encoder.logit_scale * F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T
    outputs = {"image_features": image, "text_features": text,
               "logits_per_image": logits, "logits_per_text": logits.T, **_text_blocks(encoder, tokens)}
    if tag == "vit":
        gelu = load(weights, model, quick_gelu=not quick)
        outputs.update(_vit_blocks(encoder, images), trap_gelu_image_features=gelu.encode_image(images),
                       trap_gelu_text_features=gelu.encode_tokens(tokens))
        return outputs
    names = ("stem", "layer1", "layer2", "layer3", "layer4")
    outputs.update(zip(names, encoder.features(images, range(5))))
    outputs["layer4_attn_mean_token"] = outputs["layer4"].mean((2, 3))
    learning = load(weights, model, quick_gelu=quick, trainable=True)
    outputs["trap_bn_train_image_features"] = learning.train().encode_image(images).detach()
    return outputs


def _vit_blocks(encoder: OpenCLIP, images: Tensor) -> Outputs:
    visual = encoder.clip.visual
    blocks = range(len(visual.transformer.resblocks))
    output = visual.forward_intermediates(
        images, indices=list(blocks), output_fmt="NLC", output_extra_tokens=True)
    tokens = zip(output["image_intermediates_prefix"], output["image_intermediates"])
    whole = {f"block{i}": torch.cat(parts, dim=1) for i, parts in enumerate(tokens)}
    return {**whole, "patch_embed": visual.conv1(images), "ln_pre": call_with(visual, {}, "_embeds", images),
            "map_last": encoder.features(images, [-1])[0]}


def _text_blocks(encoder: OpenCLIP, tokens: Tensor) -> Outputs:
    output = encoder.clip.forward_intermediates(text=tokens)
    blocks = output["text_intermediates"]
    return {**{f"text_block{i}": block for i, block in enumerate(blocks)},
            "text_ln_final": encoder.clip.ln_final(blocks[-1])}


def dense(case: Case) -> Outputs:
    """Dense features of both towers at several sizes, and MaskCLIP's refinements."""
    outputs: Outputs = {}
    for size in case.config["vit"]["sizes"]:
        outputs.update({f"out.vit.{size}.{name}": tensor for name, tensor in _dense_vit(case, size).items()})
    outputs.update({f"out.rn.{name}": tensor for name, tensor in _dense_resnet(case).items()})
    outputs.update(_refined_vit(case))
    return {name: tensor for name, tensor in outputs.items() if name in case.tensors}


def _dense_vit(case: Case, size: str) -> Outputs:
    config, weights = case.config["vit"], case.under("w.vit.")
    images, texts = case[f"in.vit.{size}.images"], case["in.vit.text_embeddings"]
    quick, model = uses_quick_gelu(config), architecture(config)
    ours = image_tower(weights, model, quick_gelu=quick, position_resize=MASKCLIP)
    loaded = image_tower(weights, model, quick_gelu=quick, position_resize=LOAD_TIME)
    other = {**config, **config["released_config"]}
    released = image_tower(
        weights, architecture(other), quick_gelu=uses_quick_gelu(other), position_resize=MASKCLIP)
    maskclip = ours.dense(images)
    outputs = {
        "maskclip": maskclip, "maskclip_load_time_pos": loaded.dense(images),
        "maskclip_released_config": released.dense(images),
        "value_path_only": ours.dense(images, "value_path_only"),
        "ordinary_last_block": ours.dense(images, "ordinary_last_block"),
        "cls": ours.encode_image(images), "cls_load_time_pos": loaded.encode_image(images),
        "cls_value_path": _class_token(ours, images), "k": ours.keys(images),
        "cosine": _cosine(maskclip, texts),
    }
    for name, encoder in (("pos_maskclip", ours), ("pos_load_time", loaded)):
        padded = (side * config["vision_patch_size"] for side in config["grids"][size])
        replaced = encoder.positions(encoder.clip.visual, *padded)
        outputs[name] = replaced.get("positional_embedding", encoder.clip.visual.positional_embedding)
    return outputs


def _class_token(encoder: OpenCLIP, images: Tensor) -> Tensor:
    tokens, _ = encoder._last_tokens(images)
    return vit_dense_tokens(encoder.clip.visual, tokens)[:, 0]


def _cosine(maps: Tensor, texts: Tensor) -> Tensor:
    return torch.einsum("bdhw,kd->bkhw", F.normalize(maps, dim=1), texts)


def _refined_vit(case: Case) -> Outputs:
    config = case.config["vit"]
    size = config["refined_tag"]
    encoder = image_tower(case.under("w.vit."), architecture(config), position_resize=MASKCLIP,
                          quick_gelu=uses_quick_gelu(config))
    images = case[f"in.vit.{size}.images"]
    cosine, keys = _cosine(encoder.dense(images), case["in.vit.text_embeddings"]), encoder.keys(images)
    logits = F.interpolate(cosine, config["seg_size"], mode="bilinear", align_corners=False)
    return {**_refined(f"vit.{size}", cosine, keys, config["refined"]),
            f"out.vit.{size}.seg_logits": logits, f"out.vit.{size}.seg_pred": logits.argmax(1)}


def _refined(tag: str, cosine: Tensor, keys: Tensor, settings: list[dict[str, float]]) -> Outputs:
    return {f"out.{tag}.refined.{i}": refine_scores(cosine, keys, setting["pd_thresh"], setting["ks_thresh"])
            for i, setting in enumerate(settings)}


def _dense_resnet(case: Case) -> Outputs:
    config = case.config["rn"]
    weights, model = case.under("w.rn."), architecture(config)
    images, texts = case["in.rn.images"], case["in.rn.text_embeddings"]
    plain = image_tower(weights, model, quick_gelu=True, position_resize=MASKCLIP)
    smooth = image_tower(weights, model, quick_gelu=True, position_resize=LOAD_TIME)
    maskclip = plain.dense(images)
    cosine = _cosine(maskclip, texts)
    outputs = {"layer4": plain.features(images, [4])[0], "maskclip": maskclip, "cosine": cosine,
               "attnpool_all_tokens_nopos": plain.dense(images, "attention_pool_without_positions")}
    for suffix, encoder in (("", plain), ("_antialias", smooth)):
        visual = encoder.clip.visual
        replaced = encoder.positions(visual, *images.shape[-2:])
        own = visual.attnpool.positional_embedding
        outputs[f"pos{suffix}"] = replaced.get("attnpool.positional_embedding", own)
        outputs[f"global{suffix}"] = encoder.encode_image(images)
        outputs[f"attnpool_all_tokens{suffix}"] = resnet_dense(
            visual.attnpool, outputs["layer4"], "attention_pool", outputs[f"pos{suffix}"])
    refined = _refined("rn", cosine, plain.keys(images), config["refined"])
    return {**outputs, **{name.removeprefix("out.rn."): tensor for name, tensor in refined.items()}}


def accept_dense(case: Case, outputs: Outputs) -> list[Row]:
    """Predicted classes are equal wherever the two best logits differ by more than 1e-4."""
    name = f"out.vit.{case.config['vit']['refined_tag']}.seg_pred"
    best = case[name.replace("seg_pred", "seg_logits")].topk(2, dim=1).values
    clear = (best[:, 0] - best[:, 1]) > 1e-4
    wrong = ((case[name] != outputs[name]) & clear).sum().item()
    return [Row(name, float(wrong), "equal where clear", wrong == 0)]


def tokens(case: Case) -> Outputs:
    """Token ids through `tokenize`, by open_clip's tokenizer and with OpenAI's spelling of special tokens."""
    texts = case.config["texts"]
    outputs: Outputs = {}
    for code, tokenizer in (("open_clip", SimpleTokenizer()), ("openai", OpenAITokenizer())):
        for length in case.config["context_lengths"]:
            encoder = OpenCLIP(_text_model(length))
            encoder.tokenizer = tokenizer
            outputs[f"out.{code}.ids_{length}"] = encoder.tokenize(texts, truncate=True)
        ids = [torch.tensor(tokenizer.encode(text), dtype=torch.long) for text in texts]
        outputs[f"out.{code}.length"] = torch.tensor([len(row) + 2 for row in ids])
        if code == "openai":
            outputs["out.openai.flat"] = torch.cat(ids)
    return outputs


def _text_model(context_length: int) -> dict[str, Any]:
    text = {"context_length": context_length, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1}
    return {"embed_dim": 8, "text_cfg": text,
            "vision_cfg": {"image_size": 32, "patch_size": 32, "width": 8, "head_width": 8, "layers": 1}}


CASES: dict[str, Callable[[Case], Outputs]] = {
    "clip-zeroshot": zeroshot,
    "clip-resnet-vit": resnet_vit,
    "clip-dense": dense,
    "clip-tokens": tokens,
    "clip-contrastive": contrastive,
}
ACCEPT: dict[str, Callable[[Case, Outputs], list[Row]]] = {"clip-dense": accept_dense}
