"""CLIP training as an ordinary mmengine model: two towers, one contrastive loss, at will a teacher."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from clip_plugins.contrastive.distillation import cosine_distillation, relational_distillation
from clip_plugins.contrastive.losses import caption_keys
from clip_plugins.encoders import FrozenEncoder, build_encoder
from clip_plugins.errors import CheckpointError, ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.training.precision import training_precision

TOKEN_CACHE_TEXTS = 200_000
TEXTS_A_PASS = 64  # of similar length; fewer would cost more calls than padding saves


class Teacher:
    """A frozen encoder whose image embeddings are a second target; outside of every state_dict.

    Args:
        encoder: config of the encoder.
        cosine: weight of `cosine_distillation`.
        relational: weight of `relational_distillation`.
        initialise_text: copy the teacher's text tower and logit scale into the student.
        freeze_text: leave that text tower as it is.
    """

    def __init__(
        self,
        encoder: Mapping,
        cosine: float = 1.0,
        relational: float = 0.0,
        initialise_text: bool = False,
        freeze_text: bool = False,
    ) -> None:
        self.encoder: FrozenEncoder = build_encoder(encoder, trainable=False)
        self.cosine, self.relational = cosine, relational
        self.initialise_text, self.freeze_text = initialise_text, freeze_text

    def losses(self, embeddings: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Distillation losses, those with weight 0 left out.

        Args:
            embeddings: (B, D) the student's, of any length.
            target: (B, E) the teacher's of the same pixels.

        Returns:
            Name -> weighted scalar.
        """
        found = {}
        if self.cosine:
            found["loss_teacher_cosine"] = self.cosine * cosine_distillation(embeddings, target)
        if self.relational:
            found["loss_teacher_relational"] = self.relational * relational_distillation(embeddings, target)
        return found


class ClassNames(Protocol):
    """What `set_vocabulary` needs of a `clip_plugins.vocabulary.Vocabulary`."""

    names: Sequence[str]
    prompts: "PromptFiller"


class PromptFiller(Protocol):
    """Turns a class name into its prompts, equally many for each."""

    def fill(self, name: str) -> list[str]:
        """The prompts of one name."""


@MODELS.register_module()
class CLIPPretraining(BaseModel):
    """Contrastive language-image pre-training (CLIP, figure 3).

    Args:
        encoder: config of the encoder to train; it becomes part of the state_dict.
        loss: config of the contrastive loss.
        teacher: options of `Teacher`, or None.
        data_preprocessor: config; mean and std are the encoder's where it gives none.
        precision: of the towers in training: `fp32`, `bf16` (autocast), or `auto` (bf16 where the hardware
            computes it: AVX-512 BF16 on CPUs, Ampere and later on GPUs). Losses and evaluation are in fp32.
        max_logit_scale: the factor on cosines is clamped to 1..this (100 in the paper).

    Raises:
        ConfigError: unknown precision; a text tower is to be copied between encoders of different layout.
    """

    def __init__(
        self,
        encoder: Mapping,
        loss: Mapping | None = None,
        teacher: Mapping | None = None,
        data_preprocessor: Mapping | None = None,
        precision: str = "auto",
        max_logit_scale: float = 100.0,
        init_cfg: Mapping | None = None,
    ):
        built = build_encoder(encoder, trainable=True)
        statistics = {"mean": built.preprocess.mean, "std": built.preprocess.std}
        preprocessor = {
            "type": "clip_plugins.ImageTextPreprocessor",
            **statistics,
            **(data_preprocessor or {}),
        }
        super().__init__(data_preprocessor=preprocessor, init_cfg=init_cfg)
        self.encoder = built.to(memory_format=torch.channels_last)
        self.contrastive_loss: nn.Module = MODELS.build(loss or {"type": "clip_plugins.ContrastiveLoss"})
        self.teacher = None if teacher is None else Teacher(**teacher)
        self.precision = precision
        self.max_logit_scale = max_logit_scale
        self.class_texts: list[list[str]] = []
        self._class_embeddings: Tensor | None = None
        self._tokens: dict[str, Tensor] = {}
        if self.teacher is not None and self.teacher.initialise_text:
            copy_text_tower(self.teacher.encoder.module, self.encoder, freeze=self.teacher.freeze_text)

    def forward(
        self,
        inputs: Tensor,
        captions: Sequence[str],
        keys: Sequence[str] | None = None,
        labels: Tensor | None = None,
        mode: str = "tensor",
    ) -> dict[str, Tensor] | list[dict] | tuple[Tensor, Tensor]:
        """One batch.

        Args:
            inputs: (B, 3, S, S) normalised pixels.
            captions: B texts.
            keys: what each text speaks of (equal: positives of each other); None: the texts themselves.
            labels: (B,) class indices, carried to the results of `predict`.
            mode: `loss`, `predict` (scores over the classes of `set_vocabulary`) or `tensor`.

        Returns:
            Losses by name; a dict with `scores` (N,) and `label` an image; or image and text rows (B, D).

        Raises:
            ConfigError: unknown mode.
        """
        if mode == "loss":
            return self.loss(inputs, captions, captions if keys is None else keys)
        if mode == "predict":
            return self.predict(inputs, labels)
        if mode == "tensor":
            return self.encoder.encode_image(inputs), self.encode_captions(captions)
        raise ConfigError(f"mode={mode!r} is unknown; choose 'loss', 'predict' or 'tensor'")

    def loss(self, pixels: Tensor, captions: Sequence[str], keys: Sequence[str]) -> dict[str, Tensor]:
        """Contrastive loss, the teacher's losses, and the present logit scale."""
        self._clamp_logit_scale()
        with training_precision(pixels.device.type, self.precision):
            images = self.encoder.encode_image(pixels)  # B x D, float32
            texts = self.encode_captions(captions)
            target = None if self.teacher is None else self.teacher.encoder.encode_image(pixels)
        unit_images, unit_texts = (nn.functional.normalize(x.float(), dim=-1) for x in (images, texts))
        scale = self.encoder.logit_scale
        found = {
            "loss_contrastive": self.contrastive_loss(unit_images, unit_texts, scale, keys=caption_keys(keys))
        }
        if self.teacher is not None:
            found |= self.teacher.losses(images.float(), target)
        return found | {"logit_scale": scale.detach()}

    def encode_captions(self, captions: Sequence[str]) -> Tensor:
        """(B, D) text embeddings; a caption that occurs twice goes through the tower once."""
        distinct = list(dict.fromkeys(captions))
        position = {caption: number for number, caption in enumerate(distinct)}
        tokens = self._tokenize(distinct)  # U x L
        order = (tokens != 0).sum(1).argsort()  # the encoder cuts a batch to its longest text
        parts = [self.encoder.encode_tokens(tokens[rows]) for rows in order.split(TEXTS_A_PASS)]
        embeddings = torch.cat(parts)[order.argsort()]  # U x D
        return embeddings[torch.tensor([position[caption] for caption in captions], device=embeddings.device)]

    def _tokenize(self, captions: Sequence[str]) -> Tensor:
        """(U, L) ids on the encoder's device; texts are tokenised once in a process."""
        if len(self._tokens) > TOKEN_CACHE_TEXTS:
            self._tokens.clear()
        new = [caption for caption in captions if caption not in self._tokens]
        if new:
            self._tokens.update(zip(new, self.encoder.tokenize(new, truncate=True)))
        return torch.stack([self._tokens[caption] for caption in captions]).to(self.encoder.device)

    def set_vocabulary(self, vocabulary: ClassNames) -> None:
        """Choose the classes of `predict`: a `Vocabulary`, whose prompts are averaged over."""
        self.class_texts = [vocabulary.prompts.fill(name) for name in vocabulary.names]
        self._class_embeddings = None

    @torch.no_grad()
    def predict(self, pixels: Tensor, labels: Tensor | None = None) -> list[dict]:
        """Zero-shot scores: cosines with the classes' prompts, times the logit scale.

        Args:
            pixels: (B, 3, S, S) normalised.
            labels: (B,) or None.

        Returns:
            A dict an image: `scores` (N,) and, where labels are given, `label`.

        Raises:
            ConfigError: no classes were set.
        """
        if not self.class_texts:
            raise ConfigError(
                "predict needs class names; call set_vocabulary, or add clip_plugins.VocabularyHook"
            )
        if self._class_embeddings is None:
            self._class_embeddings = self._embed_classes()
        images = self.encoder.encode_image(pixels, normalize=True)
        scores = (self.encoder.logit_scale * images @ self._class_embeddings.T).cpu()  # B x N
        if labels is None:
            return [{"scores": row} for row in scores]
        return [{"scores": row, "label": int(label)} for row, label in zip(scores, labels)]

    def _embed_classes(self) -> Tensor:
        """(N, D) unit rows: mean over the prompts of unit embeddings (CLIP, section 3.1.4)."""
        texts = [text for prompts in self.class_texts for text in prompts]
        embeddings = (
            self.encoder.encode_texts(texts, normalize=True).unflatten(0, (len(self.class_texts), -1)).mean(1)
        )
        return nn.functional.normalize(embeddings, dim=-1)

    def train(self, mode: bool = True) -> "CLIPPretraining":
        """Set training mode; class embeddings are made anew afterwards (the text tower may have learned)."""
        self._class_embeddings = None
        return super().train(mode)

    @torch.no_grad()
    def _clamp_logit_scale(self) -> None:
        """Keep the factor in 1..max; before each forward, since DDP calls nothing of ours after a step."""
        upper = torch.tensor(self.max_logit_scale).log().item()
        for name, parameter in self.encoder.named_parameters():
            if name.endswith("logit_scale"):
                parameter.clamp_(0, upper)


def copy_text_tower(source: nn.Module, target: nn.Module, freeze: bool = False) -> None:
    """Copy every weight outside of the image tower (text tower, projection, logit scale).

    Args:
        source: encoder of the same text layout.
        target: encoder that takes the weights.
        freeze: take gradients away from the copied text weights (the logit scale keeps learning).

    Raises:
        CheckpointError: the text towers differ in names or shapes.
    """
    weights = {name: tensor for name, tensor in source.state_dict().items() if ".visual." not in f".{name}"}
    own = target.state_dict()
    misfits = [name for name, tensor in weights.items() if name not in own or own[name].shape != tensor.shape]
    if misfits:
        raise CheckpointError(
            f"the teacher's text tower doesn't fit the new one ({len(misfits)} tensors, e.g. {misfits[0]}); "
            "give both the same text_cfg or set initialise_text=False"
        )
    target.load_state_dict(weights, strict=False)
    for name, parameter in target.named_parameters():
        if freeze and name in weights and not name.endswith("logit_scale"):
            parameter.requires_grad_(False)
