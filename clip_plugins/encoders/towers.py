"""Any open_clip model behind the encoder contract.

Letters: B images or texts, H×W pixels, L tokens, C width, D joint width, h×w grid.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from clip_plugins.encoders.attention import class_attention
from clip_plugins.encoders.base import Encoder, check_pixels
from clip_plugins.encoders.dense import project_tokens, resnet_dense, vit_dense_tokens
from clip_plugins.encoders.positions import PositionResizer, pad_to_patches
from clip_plugins.encoders.preprocess import Preprocess
from clip_plugins.encoders.text import cut_text, tokenize
from clip_plugins.errors import ConfigError, ShapeError

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class _Method(nn.Module):
    """A method of a module as a module, so that `functional_call` can run it with other parameters."""

    def __init__(self, module: nn.Module, name: str) -> None:
        super().__init__()
        self.module, self.name = module, name

    def forward(self, *args: Any, **options: Any) -> Any:
        return getattr(self.module, self.name)(*args, **options)


def call_with(
    module: nn.Module, replaced: Mapping[str, Tensor], method: str, *args: Any, **options: Any
) -> Any:
    """Call a method of a module with some of its parameters or buffers replaced for this call.

    Args:
        module: any module.
        replaced: name inside the module -> tensor, of any shape.
        method: name of the method.
        args: passed on.
        options: passed on.
    """
    if not replaced:
        return getattr(module, method)(*args, **options)
    named = {f"module.{name}": tensor for name, tensor in replaced.items()}
    return functional_call(_Method(module, method), named, args, options)


class TowerEncoder(Encoder):
    """The contract on an open_clip model (CLIP, CustomTextCLIP, CoCa).

    Args:
        clip: the open_clip model, weights loaded.
        tokenizer: open_clip's tokenizer of this model.
        preprocess: image preprocessing.
        architecture: the model's config (sizes and activation); part of the fingerprint.
        precision: `fp32`, or `bf16`/`fp16` for autocast; embeddings come out in float32 always.
        trainable: see Encoder.
        position_resize: options of `resize_positions` for images of another size than the native one.

    Raises:
        ConfigError: an unknown precision.
    """

    def __init__(
        self,
        clip: nn.Module,
        tokenizer: Callable[..., Tensor],
        preprocess: Preprocess,
        architecture: Mapping[str, Any],
        precision: str = "fp32",
        trainable: bool = False,
        position_resize: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(trainable)
        if precision not in PRECISIONS:
            raise ConfigError(f"precision={precision!r} doesn't exist; choose one of {tuple(PRECISIONS)}.")
        if isinstance(clip.visual, ModifiedResNet):
            clip.visual.to(memory_format=torch.channels_last)  # 1.4 times the images per second on a CPU
        self.clip = clip
        self.tokenizer = tokenizer
        self.preprocess = preprocess
        self.architecture = json.loads(json.dumps(architecture, default=list))
        self.precision = precision
        self.embed_dim = int(architecture["embed_dim"])
        self.context_length = int(architecture["text_cfg"].get("context_length", clip.context_length))
        self.positions = PositionResizer(**(position_resize or {}))
        self.settle()

    @property
    def logit_scale(self) -> Tensor:
        """exp of the learned logarithm."""
        return self.clip.logit_scale.exp()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over architecture, tokenizer size, preprocessing and every weight."""
        digest = hashlib.sha256()
        about = {"architecture": self.architecture, "preprocess": self.preprocess.to_dict(),
                 "tokenizer": [type(self.tokenizer).__name__, getattr(self.tokenizer, "vocab_size", None)],
                 "position_resize": self.positions.options}
        digest.update(json.dumps(about, sort_keys=True).encode())
        for name, tensor in sorted(self.clip.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()

    def autocast(self) -> torch.autocast:
        """The context in which the towers run; leaves a surrounding autocast alone at fp32."""
        kind, dtype = self.device.type, PRECISIONS[self.precision]
        enabled = dtype is not None or torch.is_autocast_enabled(kind)
        return torch.autocast(kind, dtype or torch.get_autocast_dtype(kind), enabled=enabled)

    def encode_image(self, pixels: Tensor, normalize: bool = False) -> Tensor:
        """(B, 3, H, W) normalised pixels -> (B, D); H×W may differ from the native size (ViT and ResNet)."""
        pixels, replaced = self._sized(pixels)
        with self.autocast():
            embeddings = call_with(self.clip.visual, replaced, "forward", pixels)
        return _finish(embeddings[0] if isinstance(embeddings, tuple) else embeddings, normalize)

    def encode_tokens(self, tokens: Tensor, normalize: bool = False) -> Tensor:
        """(B, L) ids -> (B, D); the batch is cut to its longest prompt where that is exact."""
        if tokens.ndim != 2 or tokens.shape[1] > self.context_length:
            raise ShapeError(
                f"tokens must be B×L, L <= {self.context_length}, not {tuple(tokens.shape)}; use tokenize."
            )
        tokens, replaced = cut_text(self.clip, tokens)
        with self.autocast():
            embeddings = call_with(self.clip, replaced, "encode_text", tokens, normalize=False)
        return _finish(embeddings, normalize)

    def tokenize(self, texts: Sequence[str], truncate: bool = False) -> Tensor:
        """Texts -> (B, context_length) ids; see `text.tokenize`."""
        tokens = tokenize(self.tokenizer, texts, self.context_length, truncate)
        vocabulary = self.architecture["text_cfg"].get("vocab_size")
        if vocabulary and tokens.numel() and tokens.max() >= vocabulary:
            raise ConfigError(
                f"the tokenizer gives id {int(tokens.max())}, the model has {vocabulary} tokens; give ids."
            )
        return tokens

    def dense(self, pixels: Tensor, rule: str = "maskclip") -> Tensor:
        """Dense embeddings in the joint space, not normalised.

        Args:
            pixels: (B, 3, H, W) normalised, any size; a ViT pads zeros (bottom, right) to whole patches.
            rule: one of dense.VIT_RULES or dense.RESNET_RULES.

        Returns:
            (B, D, h, w) float32.

        Raises:
            ConfigError: a tower or rule without dense features.
        """
        visual = self.clip.visual
        if isinstance(visual, ModifiedResNet):
            maps, positions = self._last_maps(pixels)
            with self.autocast():
                return resnet_dense(visual.attnpool, maps, rule, positions).float()
        tokens, grid = self._last_tokens(pixels)
        with self.autocast():
            dense = vit_dense_tokens(visual, tokens, rule)[:, 1:]  # B×hw×D
        return dense.transpose(1, 2).unflatten(2, grid).float()

    def keys(self, pixels: Tensor) -> Tensor:
        """Keys of the last attention, which MaskCLIP's key smoothing compares.

        Args:
            pixels: (B, 3, H, W) normalised.

        Returns:
            (B, h·w, C) float32: a ViT's keys went through out_proj, as in the released code.
        """
        visual = self.clip.visual
        if isinstance(visual, ModifiedResNet):
            maps, _ = self._last_maps(pixels)
            with self.autocast():
                return visual.attnpool.k_proj(maps.flatten(2).transpose(1, 2)).float()
        tokens, _ = self._last_tokens(pixels)
        with self.autocast():
            return project_tokens(visual.transformer.resblocks[-1], tokens, "key")[:, 1:].float()

    def features(self, pixels: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Intermediate maps of the image tower, no final norm.

        Args:
            pixels: (B, 3, H, W) normalised.
            layers: blocks of a ViT from 0; of a ResNet 0 = stem, 1..4 = stages; negative from the end.

        Returns:
            (B, C, h, w) maps in the order of `layers`.

        Raises:
            ConfigError: a layer that the tower lacks.
        """
        return [maps for maps, _ in self.taps(pixels, layers)]

    def taps(self, pixels: Tensor, layers: Sequence[int]) -> list[tuple[Tensor, Tensor | None]]:
        """`features`, each with the class token (B, C) of its layer; None where the tower has none."""
        pixels, replaced = self._sized(pixels)
        wanted = self._layers(layers)
        if not wanted:
            raise ConfigError(f"no layers are named; choose from 0..{self._layer_count() - 1}.")
        ordered = sorted(set(wanted))
        has_token = isinstance(self.clip.visual, VisionTransformer)
        options = {"output_extra_tokens": True} if has_token else {}
        with self.autocast():
            output = call_with(self.clip.visual, replaced, "forward_intermediates", pixels, indices=ordered,
                               stop_early=self._stops_early(), intermediates_only=True, **options)
        maps = dict(zip(ordered, output["image_intermediates"]))
        tokens = dict(zip(ordered, output["image_intermediates_prefix"])) if has_token else {}
        return [(maps[layer].float(), tokens[layer][:, 0].float() if has_token else None)
                for layer in wanted]

    def encode_with_features(self, pixels: Tensor, layers: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Embeddings and the outputs of some layers from one pass.

        Args:
            pixels: (B, 3, H, W) normalised.
            layers: as of `features`; none gives the embeddings alone.

        Returns:
            (B, D) as of `encode_image`, and a layer's whole output each: (B, C, h, w) of a ResNet, the class
            token and all patches (B, 1 + h·w, C) of a ViT.

        Raises:
            ConfigError: a layer that the tower lacks.
        """
        wanted = self._layers(layers)
        if not wanted:
            return self.encode_image(pixels), []
        # open_clip's ModifiedResNet pools the last layer that was asked for, so the last one always is
        output, found = self._raw_layers(pixels, {*wanted, self._layer_count() - 1})
        return output["image_features"].float(), [found[layer].float() for layer in wanted]

    def raw_features(self, pixels: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The layers' outputs as of `encode_with_features`; nothing behind the last one is computed."""
        wanted = self._layers(layers)
        if not wanted:
            return []
        _, found = self._raw_layers(pixels, wanted, stop_early=self._stops_early(), intermediates_only=True)
        return [found[layer].float() for layer in wanted]

    def _raw_layers(self, pixels: Tensor, layers: Iterable[int],
                    **options: Any) -> tuple[dict[str, Any], dict[int, Tensor]]:
        """open_clip's own output, and the whole output of each layer, counted from the start."""
        pixels, replaced = self._sized(pixels)
        ordered = sorted(set(layers))
        is_vit = isinstance(self.clip.visual, VisionTransformer)
        if is_vit:
            options.update(output_fmt="NLC", output_extra_tokens=True)
        with self.autocast():
            output = call_with(self.clip.visual, replaced, "forward_intermediates", pixels, indices=ordered,
                               **options)
        maps = output["image_intermediates"]
        if is_vit:
            maps = [torch.cat(parts, 1) for parts in zip(output["image_intermediates_prefix"], maps)]
        return output, dict(zip(ordered, maps))

    def class_attention(self, pixels: Tensor) -> Tensor:
        """Attention of the class token to the patches, mean over the heads of each block.

        Args:
            pixels: (B, 3, H, W) normalised.

        Returns:
            (B, layers, h, w) float32; with the class token's attention to itself a block sums to 1.

        Raises:
            ConfigError: the tower is no ViT of standard blocks.
        """
        tokens, grid = self._first_tokens(pixels)
        with self.autocast():
            return class_attention(self.clip.visual, tokens).unflatten(2, grid).float()

    def layer_names(self) -> tuple[str, ...]:
        """Names of the image tower's layers in order: `stem`, `layer1`, ... or `block0`, `block1`, ..."""
        if isinstance(self.clip.visual, ModifiedResNet):
            return ("stem", "layer1", "layer2", "layer3", "layer4")
        return tuple(f"block{index}" for index in range(self._layer_count()))

    def _layers(self, layers: Sequence[int]) -> list[int]:
        """Layers counted from the start; raises ConfigError where the tower lacks one."""
        count = self._layer_count()
        wanted = [layer + count if layer < 0 else layer for layer in layers]
        if not all(0 <= layer < count for layer in wanted):
            raise ConfigError(f"the tower has no layers {list(layers)}; choose from 0..{count - 1}.")
        return wanted

    def _layer_count(self) -> int:
        visual = self.clip.visual
        if isinstance(visual, ModifiedResNet):
            return 5
        if isinstance(visual, VisionTransformer):
            return len(visual.transformer.resblocks)
        return len(visual.trunk.feature_info)

    def _stops_early(self) -> bool:
        """What open_clip calls `stop_early`; its ModifiedResNet means the contrary by it."""
        return not isinstance(self.clip.visual, ModifiedResNet)

    def _sized(self, pixels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Pixels padded to whole patches, and the position embedding for their size."""
        check_pixels(pixels)
        visual = self.clip.visual
        if isinstance(visual, VisionTransformer):
            pixels = pad_to_patches(pixels, visual.patch_size)
        return pixels, self.positions(visual, *pixels.shape[-2:])

    def _first_tokens(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Tokens (B, 1 + h·w, C) that enter the first block of a ViT, and (h, w)."""
        visual = self.clip.visual
        if not isinstance(visual, VisionTransformer):
            raise ConfigError(
                f"a {type(visual).__name__} image tower has no patch tokens; use a ViT (for dense features a "
                "ModifiedResNet does, too)."
            )
        pixels, replaced = self._sized(pixels)
        grid = tuple(side // patch for side, patch in zip(pixels.shape[-2:], visual.patch_size))
        with self.autocast():
            return call_with(visual, replaced, "_embeds", pixels), grid

    def _last_tokens(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Tokens (B, 1 + h·w, C) that enter the last block of a ViT, and (h, w)."""
        tokens, grid = self._first_tokens(pixels)
        with self.autocast():
            for block in self.clip.visual.transformer.resblocks[:-1]:
                tokens = block(tokens)
        return tokens, grid

    def _last_maps(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        """Output (B, C, h, w) of layer4, and the attention pool's positions where they were resized."""
        pixels, replaced = self._sized(pixels)
        with self.autocast():
            output = self.clip.visual.forward_intermediates(pixels, indices=[4], intermediates_only=True)
        return output["image_intermediates"][0], replaced.get("attnpool.positional_embedding")


def _finish(embeddings: Tensor, normalize: bool) -> Tensor:
    embeddings = embeddings.float()  # half precision loses 1e-3 in the norm
    return F.normalize(embeddings, dim=-1) if normalize else embeddings
