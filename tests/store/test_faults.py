"""Disks that are full, that fail, and that go away: one sentence each, and what was finished stays."""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clip_plugins.errors import CacheError
from clip_plugins.store import Store, StoreWriter, absorb_shards, environments, shard_path
from tests.store.stores import FIELDS, FINGERPRINT, contents, entry, in_child, make

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")  # syncs take no time there
MIB = 1 << 20


def test_a_write_or_sync_that_fails_at_any_call_loses_nothing_finished(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the layer that injects faults needs Linux and a C compiler")
    library = tmp_path / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    folder = (MEMORY if os.access(MEMORY, os.W_OK) else tmp_path) / f"faults_{os.getpid()}"
    folder.mkdir()
    try:
        environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)}
        run = subprocess.run([sys.executable, "-m", "tests.store.under_faults", folder], cwd=ROOT,
                             env=environment, capture_output=True, text=True, timeout=300)
    finally:
        shutil.rmtree(folder)
    assert run.returncode == 0, run.stderr
    for report in json.loads(run.stdout).values():
        assert report["defects"] == [] and report["struck"] == 3 * report["calls"] >= 30
        assert report["refused"] > report["calls"]


def size_limit(limit: int) -> None:
    """From here on no file of this process grows past the limit (bytes); what crosses it is cut short."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.parametrize("pages", [0, 1, 3, 4, 9, 40])
def test_a_file_that_may_not_grow_past_any_page_keeps_what_was_finished(tmp_path, pages):
    path = make(tmp_path / "s", range(3), complete=False)
    before, size = contents(path), (path / "data.mdb").stat().st_size

    def grow_past_the_limit() -> None:
        writer = StoreWriter(path, FINGERPRINT, FIELDS)
        size_limit(size + pages * 4096 + 100)
        writer.put({9: entry(9, rows=20_000)})

    code, error = in_child(grow_past_the_limit)
    assert code == 1 and error.startswith("CacheError") and "its disk is full or fails" in error
    assert contents(path) == before and Store(path).verify() == []
    make(path, range(5))
    assert len(Store(path)) == 5


@pytest.fixture
def small_disk(tmp_path):
    """An own file system of 1 MiB; a function makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system can't be mounted here (it needs the right to mount a tmpfs)")
    try:
        yield place
    finally:
        environments.close(place / "s")
        subprocess.run(["umount", "-l", str(place)], check=True)


def enlarge(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=16m", str(place)], check=True)


def fill_until_full(path: Path) -> tuple[list[int], str]:
    """Finished ids and the error at which it stopped."""
    finished = []
    with StoreWriter(path, FINGERPRINT, FIELDS) as writer, pytest.raises(CacheError) as error:
        for identifier in range(1000):
            writer.put({identifier: entry(identifier, rows=2000)})
            finished.append(identifier)
    return finished, str(error.value)


def test_a_full_disk_loses_nothing_finished_and_can_be_gone_on_with(small_disk):
    finished, error = fill_until_full(small_disk / "s")
    assert len(finished) > 10 and "its disk is full or fails; free space and start again" in error
    assert Store(small_disk / "s").ids() == finished and Store(small_disk / "s").verify() == []
    enlarge(small_disk)
    with StoreWriter(small_disk / "s", FINGERPRINT, FIELDS) as writer:
        missing = writer.missing(range(60))
        writer.put({identifier: entry(identifier, rows=2000) for identifier in missing})
        writer.complete()
    np.testing.assert_array_equal(Store(small_disk / "s")[59]["rows"], entry(59, rows=2000)["rows"])


def test_a_cache_on_a_full_disk_can_be_read_though_its_lock_file_is_gone(small_disk):
    path = make(small_disk / "s", range(3))
    (path / "lock.mdb").unlink()
    environments.close(path)
    fill_the_rest(small_disk)

    def read() -> None:
        np.testing.assert_array_equal(Store(path)[1]["rows"], entry(1)["rows"])

    assert in_child(read) == (0, "")


def fill_the_rest(place: Path) -> None:
    with open(place / "ballast", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_cache_cannot_be_begun_on_a_full_disk_and_leaves_nothing_that_hinders(small_disk):
    fill_the_rest(small_disk)
    for _ in range(2):
        with pytest.raises(CacheError, match="its disk is full or fails"):
            make(small_disk / "s")
    (small_disk / "ballast").unlink()
    assert len(Store(make(small_disk / "s"))) == 6


def test_shards_that_do_not_fit_into_one_stay_shards(small_disk):
    path = small_disk / "s"
    StoreWriter(path, FINGERPRINT, FIELDS).close()
    for rank in (0, 1):
        with StoreWriter(shard_path(path, rank), FINGERPRINT, FIELDS) as writer:
            writer.put({rank + 2 * k: entry(rank + 2 * k, rows=3400) for k in range(9)})
    whole = contents(path)
    with (StoreWriter(path, FINGERPRINT, FIELDS) as writer,
          pytest.raises(CacheError, match="its disk is full or fails")):
        absorb_shards(writer)
    assert contents(path) == whole and len(whole) == 18
    enlarge(small_disk)
    with StoreWriter(path, FINGERPRINT, FIELDS) as writer:
        absorb_shards(writer)
    assert contents(path) == whole and Store(path).folders == [path.resolve()]


def test_a_disk_that_goes_away_is_one_sentence_for_reader_and_writer(small_disk):
    store = Store(make(small_disk / "s", complete=False))
    with StoreWriter(small_disk / "s", FINGERPRINT, FIELDS) as writer:
        subprocess.run(["umount", "-l", str(small_disk)], check=True)
        try:
            with pytest.raises(CacheError, match="vanished"):
                writer.put({7: entry(7)})
            with pytest.raises(CacheError, match=r"vanished|is no cache"):
                store[1]
        finally:
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(small_disk)], check=True)
