"""Arrays as bytes: what one entry of a store looks like on disk.

An entry is a CRC-32C (4 bytes) over its key and its payload, then the payload: for every field in the order
of the manifest its number of axes, its sizes and its numbers. A field of encoding `int8` keeps one float32
scale a row.
"""
import struct
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np

from clip_plugins.errors import CacheError, ConfigError, ShapeError

_CHECKSUM = struct.Struct("<I")
_INTEGER_KEY = struct.Struct(">Q")
_LONGEST_KEY = 511  # bytes, LMDB's limit
_SMALLEST = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Field:
    """One array of every entry.

    Args:
        dtype: numpy name of the numbers that a reader gets, such as 'float32'.
        shape: sizes of the axes; None where entries differ.
        encoding: 'raw' keeps the numbers as they are; 'int8' keeps them as 8 bits and one scale a row
            (largest error of a number: 1/254 of the largest magnitude in its row).
    """

    dtype: str
    shape: tuple[int | None, ...]
    encoding: str = "raw"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        if self.encoding not in ("raw", "int8"):
            raise ConfigError(f"encoding {self.encoding!r} of a field is unknown; use 'raw' or 'int8'.")
        if self.encoding == "int8" and (len(self.shape) != 2 or np.dtype(self.dtype).kind != "f"):
            raise ConfigError(f"encoding 'int8' is for rows of floats, not for {self}; use 'raw'.")

    def fit(self, array: np.ndarray, name: str) -> np.ndarray:
        """The array in this field's dtype.

        Raises:
            ShapeError: its shape isn't the field's, or its numbers would be of another kind.
        """
        array = np.asarray(array)
        axes_fit = array.ndim == len(self.shape) and all(
            wanted in (None, size) for wanted, size in zip(self.shape, array.shape)
        )
        if not axes_fit:
            raise ShapeError(
                f"field {name!r} has shape {array.shape}, but the store holds {self.shape} (None: any size); "
                "store arrays of that shape, or make a new store."
            )
        if not np.can_cast(array.dtype, self.dtype, casting="same_kind"):
            raise ShapeError(f"field {name!r} is {array.dtype}, but the store holds {self.dtype}.")
        return np.ascontiguousarray(array, dtype=self.dtype)


def encode_key(identifier: int | str) -> bytes:
    """Key of an id, so that integers come first and in their order.

    Raises:
        ConfigError: the id is neither an integer of 64 bits nor a string of 1 to 510 bytes.
    """
    if isinstance(identifier, (int, np.integer)) and not isinstance(identifier, bool):
        if _SMALLEST <= identifier <= -(_SMALLEST + 1):
            return b"i" + _INTEGER_KEY.pack(int(identifier) - _SMALLEST)
    elif isinstance(identifier, str):
        key = b"s" + identifier.encode()
        if 1 < len(key) <= _LONGEST_KEY:
            return key
    raise ConfigError(f"{identifier!r} can't be an id; use a 64-bit integer or a string of 1 to 510 bytes.")


def decode_key(key: bytes) -> int | str:
    """Id of a key."""
    if key[:1] == b"i" and len(key) == 9:
        return _INTEGER_KEY.unpack(key[1:])[0] + _SMALLEST
    if key[:1] == b"s":
        return key[1:].decode()
    raise CacheError(f"key {key!r} wasn't written by this store; make the cache anew.")


def encode_entry(key: bytes, arrays: dict[str, np.ndarray], fields: dict[str, Field]) -> bytes:
    """Bytes of one entry, checksum first.

    Raises:
        ShapeError: a field is missing, unknown or of another shape.
    """
    if arrays.keys() != fields.keys():
        raise ShapeError(f"an entry has the fields {sorted(arrays)}, but the store holds {sorted(fields)}.")
    parts: list[bytes] = []
    for name, field in fields.items():
        array = field.fit(arrays[name], name)
        parts.append(struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape))
        if field.encoding == "int8":
            scale = np.abs(array).max(axis=1, initial=0).astype("<f4") / 127  # one a row
            codes = np.rint(array / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8)
            parts += [scale.tobytes(), codes.tobytes()]
        else:
            parts.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    payload = b"".join(parts)
    return _CHECKSUM.pack(_checksum(key, payload)) + payload


def check_entry(key: bytes, entry: bytes) -> None:
    """Compare an entry with its checksum.

    Raises:
        CacheError: it doesn't fit.
    """
    if len(entry) < 4 or _CHECKSUM.unpack_from(entry)[0] != _checksum(key, entry[4:]):
        raise CacheError(f"entry {decode_key(key)!r} is damaged: its checksum doesn't fit its bytes.")


def decode_entry(key: bytes, entry: bytes, fields: dict[str, Field]) -> dict[str, np.ndarray]:
    """Arrays of one entry, writable and owned by the caller.

    Raises:
        CacheError: the checksum doesn't fit, or the entry ends too early.
    """
    check_entry(key, entry)
    offset, arrays = 4, {}
    for name, field in fields.items():
        axes = entry[offset]
        shape = struct.unpack_from(f"<{axes}I", entry, offset + 1)
        offset += 1 + 4 * axes
        if field.encoding == "int8":
            scale, offset = _take(entry, offset, "<f4", shape[:1])
            codes, offset = _take(entry, offset, "i1", shape)
            arrays[name] = (codes * scale[:, None]).astype(field.dtype)
        else:
            stored = np.dtype(field.dtype).newbyteorder("<")
            array, offset = _take(entry, offset, stored, shape)
            arrays[name] = array.astype(field.dtype)  # a copy that the caller may write to
    return arrays


def _take(entry: bytes, offset: int, dtype: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
    count = int(np.prod(shape, dtype=np.int64))
    array = np.frombuffer(entry, dtype, count, offset).reshape(shape)
    return array, offset + array.nbytes


def _checksum(key: bytes, payload: bytes) -> int:
    return google_crc32c.extend(google_crc32c.value(key), payload)
