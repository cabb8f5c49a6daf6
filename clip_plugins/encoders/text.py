"""Text side of open_clip models: overlong texts are found, and a batch is cut to its longest prompt.

Letters: B texts, L tokens, D joint width.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

import regex
import torch
from open_clip import CLIP
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import TextTransformer
from torch import Tensor, nn

from clip_plugins.errors import VocabularyError

LISTED = 5


class OpenAITokenizer(SimpleTokenizer):
    """CLIP's tokenizer with OpenAI's spelling of the special tokens inside a text.

    The ids are open_clip's except for texts that spell out `<|startoftext|>` or `<|endoftext|>`, which become
    the special ids here, or `<start_of_text>` or `<end_of_text>`, which become the special ids there.

    Args:
        context_length: default length of a row.
    """

    def __init__(self, context_length: int = 77) -> None:
        super().__init__(context_length=context_length)
        pattern = self.pat.pattern
        for ours, theirs in zip(("<start_of_text>", "<end_of_text>"), ("<|startoftext|>", "<|endoftext|>")):
            self.encoder[theirs] = self.encoder.pop(ours)
            self.decoder[self.encoder[theirs]] = theirs
            pattern = pattern.replace(ours, regex.escape(theirs))
            self.cache[theirs] = theirs
            del self.cache[ours]
        self.pat = regex.compile(pattern, regex.IGNORECASE)


def padding_id(tokenizer: Callable[..., Tensor]) -> int:
    """The id that fills the rest of a row: 0 for CLIP's own tokenizer."""
    return int(getattr(getattr(tokenizer, "tokenizer", None), "pad_token_id", None) or 0)


def tokenize(
    tokenizer: Callable[..., Tensor], texts: Sequence[str], context_length: int, truncate: bool = False
) -> Tensor:
    """Token ids of texts.

    Args:
        tokenizer: one of open_clip's.
        texts: B strings.
        context_length: L, start and end included.
        truncate: cut overlong texts (the end token stays) instead of refusing them.

    Returns:
        (B, L) int64.

    Raises:
        VocabularyError: texts that don't fit, listed; or something that isn't a string.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    strange = [text for text in texts if not isinstance(text, str)]
    if strange:
        raise VocabularyError(f"texts must be strings, not {strange[:LISTED]}; quote them.")
    if not texts:
        return torch.zeros(0, context_length, dtype=torch.long)
    if truncate:
        return tokenizer(texts, context_length=context_length)
    roomy = tokenizer(texts, context_length=context_length + 1)  # one more place shows who doesn't fit
    if hasattr(tokenizer, "eot_token_id"):
        overlong = roomy[:, -1] != 0  # 0 is also a word inside a row, never its end
    else:
        overlong = (roomy != padding_id(tokenizer)).sum(1) > context_length
    if overlong.any():
        listed = [texts[i] for i in overlong.nonzero().flatten().tolist()]
        shown = ", ".join(repr(text if len(text) < 60 else text[:57] + "...") for text in listed[:LISTED])
        more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
        raise VocabularyError(
            f"{len(listed)} text(s) need more than {context_length} tokens: {shown}{more}; shorten them or "
            "pass truncate=True."
        )
    if hasattr(tokenizer, "eot_token_id"):
        return roomy[:, :-1].contiguous()
    return tokenizer(texts, context_length=context_length)


def longest_prompt(tokens: Tensor, pool_type: str, end_id: int) -> int:
    """Tokens up to the last row's end token; (B, L) ids -> L' <= L."""
    if not len(tokens):
        return tokens.shape[1]
    ends = tokens.argmax(1) if pool_type == "argmax" else (tokens == end_id).int().argmax(1)
    return int(ends.max()) + 1


def cut_text(model: nn.Module, tokens: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Cut a batch to its longest prompt where that is exact: a causal tower read at the end token.

    Args:
        model: an open_clip model.
        tokens: (B, L) ids.

    Returns:
        (B, L') ids, and what to put in place of the model's position embedding and mask.
    """
    text = model if isinstance(model, CLIP) else getattr(model, "text", None)
    if isinstance(text, CLIP):
        prefix, pool_type, end_id = "", text.text_pool_type, text.text_eos_id
    elif isinstance(text, TextTransformer) and text.cls_emb is None:
        prefix, pool_type, end_id = "text.", text.pool_type, text.eos_id
    else:
        return tokens, {}
    if text.attn_mask is None or pool_type not in ("argmax", "eos"):
        return tokens, {}
    length = longest_prompt(tokens, pool_type, end_id)
    return tokens[:, :length], {
        f"{prefix}positional_embedding": text.positional_embedding[:length],
        f"{prefix}attn_mask": text.attn_mask[:length, :length],
    }
