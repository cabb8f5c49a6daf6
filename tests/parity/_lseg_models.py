"""LSeg as configs build it, at the sizes of a stored case, with the case's weights through our converter."""
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from clip_plugins.registry import MODELS
from clip_plugins.segmentation.lseg import LSeg
from clip_plugins.segmentation.lseg.convert import convert
from clip_plugins.vocabulary import TextEmbeddings

KINDS = {1: "bottleneck", 2: "depthwise"}
SCALES = {16: (4, 2, 1, 0.5), 32: (8, 4, 2, 1)}


def vit_config(tower: dict, readout: str, smoothing: dict | None = None, **options) -> dict:
    """Config of an LSeg with a tiny ViT."""
    return {
        "type": "clip_plugins.LSeg", "embed_dim": tower["out_c"], "smoothing": smoothing, **options,
        "backbone": {"type": "clip_plugins.DPTViT", "taps": tower["taps"], "architecture": {
            "img_size": tower["pos_grid"] * tower["patch"], "patch_size": tower["patch"],
            "embed_dim": tower["vit_width"], "depth": tower["vit_depth"], "num_heads": tower["vit_heads"]}},
        "decoder": {"in_channels": tower["reassemble"], "channels": tower["features"], "tokens": {
            "width": tower["vit_width"], "scales": SCALES[tower["patch"]], "readout": readout}},
    }


def resnet_config(config: dict) -> dict:
    """Config of the zero-shot LSeg with a tiny ResNet."""
    resnet = config["resnet"]
    return {
        "type": "clip_plugins.LSegZeroShot", "embed_dim": config["out_c"],
        "backbone": {"type": "clip_plugins.DPTResNet", "blocks": resnet["blocks"], "planes": resnet["planes"],
                     "stem": resnet["stem"]},
        "decoder": {"in_channels": [4 * planes for planes in resnet["planes"]],
                    "channels": config["features"]},
    }


def build(config: dict, weights: dict[str, Tensor]) -> LSeg:
    """The model with official weights; every weight of ours must come from them."""
    model = MODELS.build(config)
    smooths = config.get("smoothing") is not None
    state, _ = convert(weights, smooths)
    readout = ((config["decoder"].get("tokens") or {}).get("readout") or "project") == "project"
    if not readout:
        state = {key: value for key, value in state.items() if ".readout_projects." not in key}
    model.load_state_dict(state, strict=True)
    return model.eval()


def smoothing_of(sub: dict) -> dict | None:
    kind = KINDS.get(sub["arch_option"])
    return kind and {"kind": kind, "activation": sub["activation"], "depth": sub["block_depth"]}


def give_names(model: LSeg, text: Tensor, background: Tensor | None = None) -> None:
    names = tuple(f"name {number}" for number in range(len(text)))
    model.set_vocabulary(TextEmbeddings(names, text, background=background))


def samples(labels: Tensor) -> list[SegDataSample]:
    made = [SegDataSample() for _ in labels]
    for sample, mask in zip(made, labels):
        sample.gt_sem_seg = PixelData(data=mask[None])
    return made


@torch.no_grad()
def traced(model: LSeg, image: Tensor, text: Tensor | None) -> dict[str, Tensor]:
    """Everything that a case may hold, from the model's own parts in the model's own order.

    Args:
        image: (B, 3, H, W).
        text: (n, D) or (B, n, D); None takes the model's names.
    """
    found: dict[str, Tensor] = {}
    decoder = model.decoder
    taps = model.backbone(image)
    if decoder.reassemble is None:
        maps = [one for one, _ in taps]
        found |= {f"layer{number}": one for number, one in enumerate(maps, 1)}
    else:
        readouts: list[Tensor] = []
        hooks = [project.register_forward_pre_hook(lambda _, given: readouts.append(given[0]))
                 for project in decoder.reassemble.projects]
        maps = decoder.reassemble(taps)
        for hook in hooks:
            hook.remove()
        for number, ((one, token), read, map_) in enumerate(zip(taps, readouts, maps), 1):
            found[f"tap{number}"] = torch.cat([token[:, None], one.flatten(2).mT], dim=1)
            found[f"readout{number}"] = read.flatten(2).mT
            found[f"reassembled{number}"] = map_
    hooks = [fusion.project.register_forward_hook(lambda _, given, out, n=n: found.update({f"p{n}": out}))
             for n, fusion in enumerate(decoder.fusions, 1)]
    decoded = decoder([(one, token) for one, token in taps])
    found["p1"] = decoder.fusions[0].project(decoded)
    for hook in hooks:
        hook.remove()
    for number in range(1, 5):  # official paths are upsampled after the projection, ours before the next
        raw = found.pop(f"p{number}")
        size = (2 * decoded.shape[-2], 2 * decoded.shape[-1]) if number == 1 else maps[number - 2].shape[-2:]
        found[f"path{number}"] = torch.nn.functional.interpolate(raw, size=tuple(size), mode="bilinear",
                                                                 align_corners=True)
    found["embedding"] = model.embed(decoded)
    features = model.extract_feat(image)
    text = model.columns_on(image.device) if text is None else text
    found["logits_s2"] = model.half_scores(features, text)
    found["logits"] = model.name_scores(features, text, tuple(image.shape[-2:]))
    return found
