"""Text embeddings kept in memory and on disk, one file an encoder, one row a name."""
from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from clip_plugins.compat.hostile_files import check_safetensors
from clip_plugins.encoders.weights import write_atomically
from clip_plugins.errors import CheckpointError

FORMAT = "1"
KEY_BYTES = 32
MAX_ROWS = 200_000  # the oldest go first; 400 MB at width 512
ENVIRONMENT = "CLIP_PLUGINS_CACHE"

_opened: dict[tuple[str, str], EmbeddingCache] = {}
_lock = threading.Lock()


def cache_folder(folder: str | Path | None = None) -> Path:
    """The folder given, else $CLIP_PLUGINS_CACHE, else ~/.cache/clip_plugins."""
    return Path(folder or os.environ.get(ENVIRONMENT) or Path.home() / ".cache" / "clip_plugins")


class EmbeddingCache:
    """key (32 bytes) -> embedding of one encoder.

    The file holds `keys` N×32 uint8, `embeddings` N×D float32 and their digest; it is replaced as a whole, so
    a reader never sees half of it. A damaged file is made anew with a warning.

    Args:
        path: the file; None keeps rows in memory alone.
        width: D.
    """

    def __init__(self, path: Path | None, width: int) -> None:
        self.path, self.width = path, width
        self._rows: dict[bytes, Tensor] = {}
        self._changed = False
        self._rows.update(self._read())

    @classmethod
    def open(cls, about: str, width: int, folder: str | Path | None = None) -> EmbeddingCache:
        """The cache of an encoder; one object a process and folder.

        Args:
            about: fingerprint and precision of the encoder.
            width: D.
            folder: see `cache_folder`.
        """
        name = hashlib.sha256(about.encode()).hexdigest()[:32]
        path = cache_folder(folder) / "text" / f"{name}.safetensors"
        with _lock:
            key = (str(path), about)
            if key not in _opened:
                _opened[key] = cls(path, width)
            return _opened[key]

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, keys: Sequence[bytes]) -> Tensor:
        """(n, D) embeddings of the keys, in their order."""
        return torch.stack([self._rows[key] for key in keys])

    def add(self, keys: Sequence[bytes], rows: Tensor) -> None:
        """Keep (n, D) rows; `save` writes them."""
        self._rows.update(zip(keys, rows.detach().float().unbind()))
        self._changed = True

    def save(self) -> None:
        """Write what is new, together with what another process wrote meanwhile."""
        if not self._changed or self.path is None:
            return
        merged = {**self._read(), **self._rows}
        items = list(merged.items())[-MAX_ROWS:]
        joined = bytearray(b"".join(key for key, _ in items))
        keys = torch.frombuffer(joined, dtype=torch.uint8).view(-1, KEY_BYTES)
        embeddings = torch.stack([row for _, row in items])
        about = {"format": FORMAT, "sha256": _digest(keys, embeddings)}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, save({"keys": keys, "embeddings": embeddings}, about))
        except OSError as error:
            warnings.warn(f"text embeddings can't be kept in {self.path.parent} ({error.strerror}); set "
                          f"{ENVIRONMENT} to a folder that can be written.", stacklevel=2)
        self._changed = False

    def _read(self) -> dict[bytes, Tensor]:
        if self.path is None or not self.path.is_file():
            return {}
        try:
            check_safetensors(self.path)
            with safe_open(self.path, framework="pt") as file:
                about = file.metadata() or {}
                keys, embeddings = file.get_tensor("keys"), file.get_tensor("embeddings")
        except (SafetensorError, CheckpointError, OSError) as error:
            return self._damaged(str(error))
        if (keys.dtype, embeddings.dtype) != (torch.uint8, torch.float32) or keys.shape[1:] != (KEY_BYTES,):
            return self._damaged(f"{tuple(keys.shape)} keys of {keys.dtype}, rows of {embeddings.dtype}")
        if about.get("format") != FORMAT or embeddings.shape != (len(keys), self.width):
            return self._damaged("another format or width")
        if about.get("sha256") != _digest(keys, embeddings):
            return self._damaged("checksum")
        if not embeddings.isfinite().all():
            return self._damaged("rows that aren't numbers")
        return {bytes(key): row for key, row in zip(keys.numpy(), embeddings)}

    def _damaged(self, why: str) -> dict[bytes, Tensor]:
        warnings.warn(f"the text embeddings {self.path} are damaged ({why}) and made anew.", stacklevel=4)
        return {}


def _digest(keys: Tensor, embeddings: Tensor) -> str:
    digest = hashlib.sha256(keys.contiguous().numpy())
    digest.update(embeddings.contiguous().numpy())
    return digest.hexdigest()


def forget_embeddings() -> None:
    """Drop what is kept in memory; files stay."""
    with _lock:
        _opened.clear()
