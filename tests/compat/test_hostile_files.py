"""Hostile and damaged weights: each is refused in one sentence, none runs anything or takes much memory."""
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from clip_plugins.compat import load_checkpoint
from clip_plugins.compat.hostile_files import check_archive, require_numbers, require_same_kind
from clip_plugins.errors import CheckpointError

MARK = "it-ran"


class Call:
    """A pickle that calls a function when it is loaded."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


GADGETS = {
    "exec": Call(exec, f"open({MARK!r}, 'w')"),
    "eval": Call(eval, f"open({MARK!r}, 'w')"),
    "system": Call(os.system, f"touch {MARK}"),
    "mkdir": Call(os.mkdir, MARK),
    "subprocess": Call(subprocess.check_output, ["touch", MARK]),
    "import": Call(__import__, "antigravity"),
    "open": Call(open, MARK, "w"),
    "path": Call(Path.touch, Path(MARK)),
    "getattr": Call(getattr, torch.nn.Module, "forward"),
    "load again": Call(torch.load, MARK, None, None),
    "pickle": Call(pickle.loads, pickle.dumps(Call(os.mkdir, MARK))),
    "numpy": Call(np.load, MARK, None, True),
    "object array": np.array([Call(os.mkdir, MARK)], dtype=object),
}
WRITERS: dict[str, Callable] = {
    "zip": lambda content, path: torch.save(content, path),
    "legacy": lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    **{f"pickle {protocol}": lambda content, path, protocol=protocol: path.write_bytes(
        pickle.dumps(content, protocol)) for protocol in (0, 2, 4, 5)},
}


def pickled(*operations: bytes) -> bytes:
    return b"\x80\x02" + b"".join(operations) + b"."


def zipped(path: Path, data: bytes, records: dict[str, bytes] | None = None, packed: bool = False) -> None:
    """An archive as torch writes it, with any pickle in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, content in {"data.pkl": data, "version": b"3\n", "byteorder": b"little",
                              **(records or {})}.items():
            archive.writestr(f"archive/{name}", content)


def tensor_pickle(numel: int, size: int, stride: int = 1, offset: int = 0) -> bytes:
    """`{"w": tensor}` over storage 0, whose sizes say what they like."""
    def number(value: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", value)

    storage = (b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" b"0X\x03\0\0\0cpu"
               + number(numel) + b"tQ")
    return pickled(b"}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(", storage, number(offset),
                   number(size), b"\x85", number(stride), b"\x85\x89ccollections\nOrderedDict\n)RtRs")


def safetensors(path: Path, header: dict | bytes, data: bytes = bytes(16), length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(start: int, end: int, shape: tuple = (4,), dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


FILES: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(1000)),
    "bomb in the pickle": lambda path: zipped(path, bytes(300_000_000), packed=True),
    "bomb beside it": lambda path: zipped(path, pickled(b"}"), {"data/0": bytes(50_000_000)}, packed=True),
    "compressed": lambda path: zipped(path, tensor_pickle(4, 4), {"data/0": os.urandom(16)}, packed=True),
    "bytearray of 8 GB": lambda path: zipped(
        path, pickled(b"cbuiltins\nbytearray\n\x8a\x05", struct.pack("<q", 2**33)[:5], b"\x85R")),
    "bytearray, bare": lambda path: path.write_bytes(
        pickled(b"c__builtin__\nbytearray\n\x8a\x05", struct.pack("<q", 2**33)[:5], b"\x85R")),
    "tensor beyond its storage": lambda path: zipped(path, tensor_pickle(4, 2**40), {"data/0": bytes(16)}),
    "storage beyond its record": lambda path: zipped(path, tensor_pickle(9, 9), {"data/0": bytes(16)}),
    "storage of 4 GB": lambda path: zipped(path, tensor_pickle(2**30, 2**30), {"data/0": bytes(16)}),
    "negative size": lambda path: zipped(path, tensor_pickle(4, -4), {"data/0": bytes(16)}),
    "negative offset": lambda path: zipped(path, tensor_pickle(4, 4, 1, -8), {"data/0": bytes(16)}),
    "negative stride": lambda path: zipped(path, tensor_pickle(4, 4, -1), {"data/0": bytes(16)}),
    "missing record": lambda path: zipped(path, tensor_pickle(4, 4)),
    "text of 4 GB": lambda path: path.write_bytes(pickled(b"X\xff\xff\xff\xff")),
    "no stop": lambda path: path.write_bytes(b"\x80\x02}"),
    "empty stack": lambda path: path.write_bytes(b"\x80\x020000."),
    "not a dictionary": lambda path: torch.save([1, 2], path),
    "NaN": lambda path: torch.save({"state_dict": {"w": torch.tensor([1.0, float("nan")])}}, path),
    "NaN, flat": lambda path: torch.save({"w": torch.tensor([float("nan")], dtype=torch.bfloat16)}, path),
    "object array .npy": lambda path: path.write_bytes(_npy(np.array([Call(os.mkdir, MARK)], dtype=object))),
    "object array .npz": lambda path: zipped(path, _npy(np.array([Call(os.mkdir, MARK)], dtype=object))),
    "sparse": lambda path: torch.save({"w": torch.ones(2).to_sparse()}, path),
    "program": lambda path: torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), path),
}
HEADERS: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: path.write_bytes(b""),
    "header of 2^63": lambda path: safetensors(path, {}, length=2**63),
    "header of 2^64-1": lambda path: safetensors(path, {}, length=2**64 - 1),
    "header beyond the file": lambda path: safetensors(path, {}, length=1000),
    "header of 10^6 tensors": lambda path: safetensors(
        path, b"{" + b",".join(b'"%d":[]' % number for number in range(10**6)) + b"}"),
    "no JSON": lambda path: safetensors(path, b"{" * 1000),
    "deep JSON": lambda path: safetensors(path, b"[" * 100_000),
    "a list": lambda path: safetensors(path, b"[]"),
    "negative offset": lambda path: safetensors(path, {"w": entry(-16, 0)}),
    "beyond the data": lambda path: safetensors(path, {"w": entry(0, 2**40, (2**38,))}),
    "overlap": lambda path: safetensors(path, {"v": entry(0, 16), "w": entry(8, 24)}, bytes(24)),
    "backwards": lambda path: safetensors(path, {"w": entry(16, 0)}),
    "shape beyond its bytes": lambda path: safetensors(path, {"w": entry(0, 16, (2**60, 2**60))}),
    "unknown type": lambda path: safetensors(path, {"w": entry(0, 16, dtype="OBJECT")}),
    "no fields": lambda path: safetensors(path, {"w": {}}),
    "a hole": lambda path: safetensors(path, {"v": entry(0, 16), "w": entry(32, 48)}, bytes(48)),
    "NaN": lambda path: save_file({"w": torch.tensor([float("nan")])}, path),
}


@pytest.fixture
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where gadgets would leave their mark."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not Path(MARK).exists()


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("gadget", GADGETS)
def test_a_gadget_is_refused_and_does_not_run(gadget: str, writer: str, in_empty_folder):
    WRITERS[writer]({"state_dict": {}, "extra": GADGETS[gadget]}, Path("evil.pth"))
    with pytest.raises(CheckpointError, match=r"evil\.pth"):
        load_checkpoint("evil.pth")
    assert [path.name for path in Path().iterdir()] == ["evil.pth"]


@pytest.mark.parametrize("kind", FILES)
def test_a_hostile_checkpoint_is_one_sentence(kind: str, in_empty_folder):
    FILES[kind](Path("evil.pth"))
    with pytest.raises(CheckpointError, match=r"evil\.pth"):
        load_checkpoint("evil.pth")


@pytest.mark.parametrize("kind", HEADERS)
def test_hostile_safetensors_are_one_sentence(kind: str, in_empty_folder):
    HEADERS[kind](Path("evil.safetensors"))
    with pytest.raises(CheckpointError, match=r"evil\.safetensors"):
        load_checkpoint("evil.safetensors")


SMALL = """
import resource, sys
from clip_plugins.compat import load_checkpoint
from clip_plugins.errors import CheckpointError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        load_checkpoint(path)
    except CheckpointError:
        continue
    sys.exit(f"{path} was loaded")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_the_whole_corpus_takes_little_memory(tmp_path: Path):
    paths = []
    for number, (write, suffix) in enumerate([*((write, ".pth") for write in FILES.values()),
                                              *((write, ".safetensors") for write in HEADERS.values())]):
        paths.append(tmp_path / f"{number}{suffix}")
        write(paths[-1])
    run = subprocess.run([sys.executable, "-c", SMALL, *map(str, paths)], capture_output=True, text=True,
                         cwd=Path(__file__).parents[2], timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(run.stdout) < 100, "MiB, of which the readers' own code takes most"


def test_an_array_file_that_unpacks_to_more_than_it_is_is_refused(tmp_path: Path):
    np.savez_compressed(tmp_path / "w.npz", w=np.zeros(10**7))
    with pytest.raises(CheckpointError, match="archive bomb"):
        check_archive(tmp_path / "w.npz")
    np.savez(tmp_path / "w.npz", w=np.zeros(10))
    check_archive(tmp_path / "w.npz")


def test_infinity_and_whole_numbers_are_weights_too():
    require_numbers({"mask": torch.tensor([float("-inf"), 0.0]), "count": torch.tensor(3), "note": "x",
                     "none": torch.empty(0), "meta": torch.empty(1, device="meta")}, "a.pth")


@pytest.mark.parametrize(("stored", "own"), [(torch.int64, torch.float32), (torch.float32, torch.int64),
                                             (torch.complex64, torch.float32), (torch.bool, torch.float32)])
def test_another_kind_of_number_is_refused(stored: torch.dtype, own: torch.dtype):
    with pytest.raises(CheckpointError, match=r"a\.pth: w is torch\.\w+, the model's is torch\.\w+"):
        require_same_kind({"w": torch.ones(1, dtype=stored)}, {"w": torch.ones(1, dtype=own)}, "a.pth")


def test_other_precision_and_unknown_names_are_left_to_others():
    require_same_kind({"w": torch.ones(1, dtype=torch.float16), "v": 1}, {"w": torch.ones(1)}, "a.pth")
