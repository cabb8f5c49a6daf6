"""JSON files of lists (COCO, LVIS) read and written entry by entry: memory doesn't grow with the file."""
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from clip_plugins.errors import DataError
from clip_plugins.files import open_atomically

CHUNK = 1 << 20  # characters read at a time
MARGIN = 32  # characters behind a value that tell whether it ends there
WHITESPACE = " \t\r\n"


def stream_json(path: str | Path) -> Iterator[tuple[str, Any]]:
    """Entries of a JSON object whose values are lists, one at a time and in the file's order.

    Args:
        path: of the file.

    Yields:
        (key, entry) for every entry of every list; (key, value) for values that are no list.

    Raises:
        DataError: the file is missing, unreadable, cut or no JSON object; the message has its path.
    """
    return ((key, entry) for key, entry, _ in _stream(path))


class JsonText(str):
    """A value as JSON already."""


def _stream(path: str | Path) -> Iterator[tuple[str, Any, JsonText]]:
    try:
        with open(path, encoding="utf-8") as file:
            yield from _Scanner(file).items()
    except FileNotFoundError:
        raise DataError(f"{path} doesn't exist; check the path or fetch the file") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path} isn't a whole JSON object ({error}); fetch or write it anew") from None
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}); check the path") from None


def stream_list(path: str | Path, key: str) -> Iterator[Any]:
    """The entries of one list of a JSON object, see `stream_json`; what comes after the list isn't read."""
    return (entry for entry, _ in stream_texts(path, key))


def stream_texts(path: str | Path, key: str) -> Iterator[tuple[Any, "JsonText"]]:
    """The entries of one list, each with its own text, which `write_json_stream` writes as it is."""
    began = False
    for name, entry, text in _stream(path):
        if name == key:
            began = True
            yield entry, text
        elif began:
            return


def write_json_stream(path: str | Path, lists: Mapping[str, Iterable[Any]]) -> dict[str, int]:
    """Writes a JSON object of lists, entry by entry, whole or not at all.

    Args:
        path: the file; its folder exists.
        lists: key -> entries, values or `JsonText`.

    Returns:
        Key -> how many entries were written.
    """
    counts = {}
    with open_atomically(path) as file:
        file.write(b"{")
        for place, (key, entries) in enumerate(lists.items()):
            file.write(f"{',' if place else ''}{json.dumps(key)}:[".encode())
            count = 0
            for entry in entries:
                is_text = isinstance(entry, JsonText)
                text = entry if is_text else json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
                file.write(f"{',' if count else ''}{text}\n".encode())
                count += 1
            file.write(b"]")
            counts[key] = count
        file.write(b"}")
    return counts


class _Scanner:
    """A window on the file that grows until the next value fits and forgets what was read."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.window, self.place = file, "", 0
        self.decode = json.JSONDecoder().raw_decode

    def items(self) -> Iterator[tuple[str, Any, JsonText]]:
        self._take("{")
        if self._peek() == "}":
            self._take("}")
        else:
            yield from self._members()
        if self._peek():
            raise json.JSONDecodeError("something follows the object", self.window, self.place)

    def _members(self) -> Iterator[tuple[str, Any, JsonText]]:
        while True:
            key, _ = self._value()
            self._take(":")
            if self._peek() == "[":
                yield from ((key, *entry) for entry in self._entries())
            else:
                yield key, *self._value()
            if self._take(",}") == "}":
                return

    def _entries(self) -> Iterator[tuple[Any, JsonText]]:
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            yield self._value()
            if self._take(",]") == "]":
                return

    def _peek(self) -> str:
        """The next character that isn't white; '' at the end."""
        while True:
            while self.place < len(self.window) and self.window[self.place] in WHITESPACE:
                self.place += 1
            if self.place < len(self.window):
                return self.window[self.place]
            if not self._grow():
                return ""

    def _take(self, allowed: str) -> str:
        found = self._peek()
        if not found or found not in allowed:
            raise json.JSONDecodeError(f"expected one of {allowed!r}", self.window, self.place)
        self.place += 1
        return found

    def _value(self) -> tuple[Any, JsonText]:
        self._peek()
        while True:
            try:
                value, end = self.decode(self.window, self.place)
            except json.JSONDecodeError:
                if not self._grow():
                    raise
                continue
            if len(self.window) - end < MARGIN and self._grow():
                continue  # a number may go on in the next chunk
            text = JsonText(self.window[self.place:end])
            self.place = end
            return value, text

    def _grow(self) -> bool:
        # a long value doubles the window, so that it is tried few times
        more = self.file.read(max(CHUNK, len(self.window) - self.place))
        if more:
            self.window, self.place = self.window[self.place:] + more, 0
        return bool(more)
