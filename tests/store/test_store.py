import json
import os
import pickle
import resource
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from clip_plugins.errors import CacheError, ShapeError
from clip_plugins.store import Field, Store, StoreWriter, environments, locking
from clip_plugins.store.network import network_file_system
from tests.store.stores import FIELDS, FINGERPRINT, entry, in_child, make, start


def test_what_was_put_is_read_back(tmp_path):
    store = Store(make(tmp_path / "s"))
    assert store.ids() == list(range(6)) and len(store) == 6 and store.is_complete
    assert 3 in store and 6 not in store
    np.testing.assert_array_equal(store[3]["rows"], entry(3)["rows"])


def test_string_and_integer_ids_live_side_by_side(tmp_path):
    with StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer:
        writer.put({"1": entry(0), 1: entry(1)})
    assert Store(tmp_path / "s").ids() == [1, "1"]
    np.testing.assert_array_equal(Store(tmp_path / "s")["1"]["rows"], entry(0)["rows"])


def test_a_missing_entry_of_a_partial_store_says_how_to_finish_it(tmp_path):
    store = Store(make(tmp_path / "s", complete=False))
    with pytest.raises(CacheError, match=r"partial: run the tool .* no entry 99"):
        store[99]


def test_put_writes_all_of_its_entries_or_none(tmp_path):
    with StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer:
        with pytest.raises(ShapeError):
            writer.put({1: entry(1), 2: {"rows": np.ones((2, 5))}})
        assert len(writer) == 0 and Store(tmp_path / "s").ids() == []


def test_a_second_writer_goes_on_where_the_first_stopped(tmp_path):
    make(tmp_path / "s", range(3), complete=False)
    with StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer:
        assert writer.missing(range(5)) == [3, 4]
        writer.put({3: entry(3)})
    assert len(Store(tmp_path / "s")) == 4


def test_adding_to_a_complete_store_makes_it_partial_until_completed_again(tmp_path):
    make(tmp_path / "s")
    with StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer:
        writer.put({9: entry(9)})
        assert not Store(tmp_path / "s").is_complete
        writer.complete()
    assert Store(tmp_path / "s").verify() == []


def test_the_map_grows_when_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr("clip_plugins.store.environments._FIRST_MAP_BYTES", 1 << 16)
    with StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer:
        for identifier in range(4):
            writer.put({identifier: entry(identifier, rows=10_000)})
    store = Store(tmp_path / "s")
    assert store.verify() == [] and store[3]["rows"].shape == (10_000, 3)


def test_a_reader_follows_a_map_that_another_process_grew(tmp_path):
    store = Store(make(tmp_path / "s", complete=False))
    is_open, opened = os.pipe()

    def read_before_and_after() -> None:
        assert 0 in store
        os.write(opened, b".")
        deadline = time.monotonic() + 50
        while 100 not in store and time.monotonic() < deadline:
            time.sleep(0.01)
        assert store[100]["rows"].shape == (9_000_000, 3)

    wait = start(read_before_and_after)
    os.read(is_open, 1)
    with StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer:
        writer.put({100: {"rows": np.ones((9_000_000, 3), np.float32)}})
    assert wait() == (0, "")


def test_reading_works_before_and_after_a_fork_in_parent_and_child(tmp_path):
    store = Store(make(tmp_path / "s"))
    assert 1 in store
    assert in_child(lambda: np.testing.assert_array_equal(store[2]["rows"], entry(2)["rows"])) == (0, "")
    np.testing.assert_array_equal(store[3]["rows"], entry(3)["rows"])


def test_a_reader_can_be_pickled_after_it_was_used(tmp_path):
    store = Store(make(tmp_path / "s"))
    assert 1 in store
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store))[1]["rows"], entry(1)["rows"])


def test_a_store_of_something_else_is_refused_with_both_values(tmp_path):
    make(tmp_path / "s")
    Store(tmp_path / "s", expect={"top": 20})
    with pytest.raises(CacheError, match="encoder is 'abc' in the cache and 'xyz' here"):
        Store(tmp_path / "s", expect={"encoder": "xyz"})
    with pytest.raises(CacheError, match="encoder is 'abc' in the cache and 'xyz' here"):
        StoreWriter(tmp_path / "s", {"encoder": "xyz", "top": 20}, FIELDS)
    with pytest.raises(CacheError, match="other is None in the cache and 1 here"):
        StoreWriter(tmp_path / "s", {**FINGERPRINT, "other": 1}, FIELDS)


def test_other_fields_are_refused(tmp_path):
    make(tmp_path / "s")
    with pytest.raises(CacheError, match="float16"):
        StoreWriter(tmp_path / "s", FINGERPRINT, {"rows": Field("float16", (None, 3))})


def test_a_second_writer_is_refused_by_name(tmp_path):
    first = StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS)
    refusal = f"being written by process {os.getpid()} on"
    with pytest.raises(CacheError, match=refusal):
        StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS)
    locking._held.clear()  # what another process finds: nothing held by itself
    code, error = in_child(lambda: StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS))
    assert code == 1 and refusal in error
    first.close()
    StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS).close()


def test_a_flipped_byte_is_found_by_verify_and_by_the_reader(tmp_path):
    make(tmp_path / "s", complete=False)
    data = tmp_path / "s" / "data.mdb"
    content = bytearray(data.read_bytes())
    content[content.index(entry(3)["rows"].tobytes()) + 5] ^= 1
    data.write_bytes(content)
    store = Store(tmp_path / "s")
    assert [line for line in store.verify() if "entry 3 is damaged" in line]
    with pytest.raises(CacheError, match="entry 3 is damaged"):
        store[3]
    np.testing.assert_array_equal(store[2]["rows"], entry(2)["rows"])


def test_verify_finds_any_flipped_bit_of_a_complete_store(tmp_path):
    data = make(tmp_path / "s") / "data.mdb"
    content = data.read_bytes()
    generator = np.random.default_rng(0)
    for bit in generator.integers(0, len(content) * 8, 40):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        data.write_bytes(flipped)
        assert Store(tmp_path / "s").verify(), f"bit {bit}"


def test_a_truncated_data_file_is_refused(tmp_path):
    with StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer:
        writer.put({1: entry(1, rows=5000)})
    data = tmp_path / "s" / "data.mdb"
    os.truncate(data, data.stat().st_size - 8192)
    with pytest.raises(CacheError, match="truncated"):
        Store(tmp_path / "s")[1]
    assert Store(tmp_path / "s").verify()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_version": 1}'])
def test_a_damaged_manifest_is_one_sentence(tmp_path, text):
    make(tmp_path / "s")
    (tmp_path / "s" / "manifest.json").write_text(text)
    with pytest.raises(CacheError, match=r"manifest\.json is damaged"):
        Store(tmp_path / "s")


def test_a_store_of_another_format_is_refused(tmp_path):
    path = make(tmp_path / "s") / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    with pytest.raises(CacheError, match="has format 99"):
        Store(tmp_path / "s")


def test_a_folder_that_is_no_store_is_refused_by_reader_and_writer(tmp_path):
    (tmp_path / "holiday.txt").write_text("x")
    with pytest.raises(CacheError, match="is no cache"):
        Store(tmp_path)
    with pytest.raises(CacheError, match=r"holds 'holiday.txt' and is no cache"):
        StoreWriter(tmp_path, FINGERPRINT, FIELDS)


def test_a_full_disk_is_one_sentence_and_keeps_what_was_finished(tmp_path):
    def fill_the_disk() -> None:
        writer = StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS)
        writer.put({0: entry(0)})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        writer.put({1: {"rows": np.ones((100_000, 3), np.float32)}})

    code, error = in_child(fill_the_disk)
    assert code == 1 and error.startswith("CacheError") and "its disk is full or fails" in error
    assert Store(tmp_path / "s").ids() == [0] and Store(tmp_path / "s").verify() == []
    make(tmp_path / "s", range(2))


def test_a_read_only_folder_can_be_read_but_not_written(tmp_path):
    path = make(tmp_path / "s")
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)

    def read_and_write_as_a_user() -> None:
        if os.geteuid() == 0:  # the superuser may write anywhere
            for folder in path.parents:
                if Path(tempfile.gettempdir()) in folder.parents:
                    folder.chmod(0o755)
            os.seteuid(65534)
        assert Store(path)[1]["rows"].shape == (4, 3)
        StoreWriter(path, FINGERPRINT, FIELDS)

    code, error = in_child(read_and_write_as_a_user)
    path.chmod(0o755)
    assert code == 1 and error.startswith("CacheError") and "may not be written" in error


def test_a_store_that_vanishes_is_one_sentence_for_reader_and_writer(tmp_path):
    path = make(tmp_path / "s", complete=False)
    store = Store(path)
    with StoreWriter(path, FINGERPRINT, FIELDS) as writer:
        (path / "data.mdb").unlink()
        with pytest.raises(CacheError, match="vanished"):
            writer.put({7: entry(7)})
    with pytest.raises(CacheError, match="vanished"):
        store[1]


def test_a_killed_writer_leaves_every_finished_put_and_nothing_of_another(tmp_path):
    def die_within_a_put() -> None:
        writer = StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS)
        writer.put({0: entry(0), 1: entry(1)})
        with environments.transaction(writer.path, write=True) as transaction:
            transaction.put(b"i unfinished", b"x" * 100_000)
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die_within_a_put)[0] == -signal.SIGKILL
    assert Store(tmp_path / "s").ids() == [0, 1] and Store(tmp_path / "s").verify() == []
    with StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer:
        assert writer.missing([0, 1, 2]) == [2]


def test_a_child_that_outlives_a_killed_writer_does_not_keep_the_next_one_out(tmp_path):
    def die_and_leave_a_child() -> None:
        os.setpgid(0, 0)
        StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS)
        os.write(leaving, str(os.getpid()).encode())
        if os.fork() == 0:
            signal.pause()
        os.kill(os.getpid(), signal.SIGKILL)

    receiving, leaving = os.pipe()
    process = os.fork()
    if process == 0:
        die_and_leave_a_child()
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    try:
        assert int(os.read(receiving, 20)) == process
        StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS).close()
    finally:
        os.killpg(process, signal.SIGKILL)  # the child, which shares the writer's process group


def test_network_file_systems_are_told_by_the_longest_mount_point(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n")
    (tmp_path / "s").mkdir()
    assert network_file_system(tmp_path / "s", mounts) == "nfs4"
    assert network_file_system(tmp_path.parent, mounts) is None


def test_writing_to_a_network_file_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("clip_plugins.store.writer.network_file_system", lambda folder: "nfs4")
    with pytest.raises(CacheError, match="lies on nfs4"):
        StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS)
