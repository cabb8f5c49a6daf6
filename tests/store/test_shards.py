import os
import shutil
import signal

import numpy as np
import pytest

from clip_plugins.errors import CacheError
from clip_plugins.store import Field, Store, StoreWriter, absorb_shards, merge_stores, seal_shards, shard_path
from clip_plugins.store import shards as shards_module
from clip_plugins.store.writer import checksum_file
from tests.store.stores import FIELDS, FINGERPRINT, contents, entry, in_child, make, start


def sharded(path, ranks=2, ids=range(6)):
    """A store of which each rank has filled its shard."""
    StoreWriter(path, FINGERPRINT, FIELDS).close()
    for rank in range(ranks):
        make(shard_path(path, rank), ids[rank::ranks], complete=False)
    return path


def absorb(path):
    with StoreWriter(path, FINGERPRINT, FIELDS) as writer:
        absorb_shards(writer)


def seal(path):
    with StoreWriter(path, FINGERPRINT, FIELDS) as writer:
        seal_shards(writer)
    return path


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_shards_are_read_as_one_before_and_after_they_are_absorbed(tmp_path, ranks):
    whole = contents(make(tmp_path / "whole"))
    path = sharded(tmp_path / "s", ranks)
    assert contents(path) == whole and len(Store(path)) == 6 and 5 in Store(path) and 6 not in Store(path)
    absorb(path)
    assert contents(path) == whole and not list((path / "shards").iterdir())
    assert Store(path).verify() == []


def test_sealed_shards_stay_and_the_store_is_complete(tmp_path):
    store = Store(seal(sharded(tmp_path / "s")))
    assert store.is_complete and store.ids() == list(range(6)) and store.verify() == []
    np.testing.assert_array_equal(store[3]["rows"], entry(3)["rows"])
    assert len(list((tmp_path / "s" / "shards").iterdir())) == 2


def test_a_lost_shard_of_a_sealed_store_is_named(tmp_path):
    path = seal(sharded(tmp_path / "s"))
    shutil.rmtree(shard_path(path, 1))
    with pytest.raises(CacheError, match="lost its shard '00001'"):
        Store(path)


def test_a_shard_that_is_being_made_is_not_read_yet(tmp_path):
    path = sharded(tmp_path / "s")
    shard_path(path, 9).mkdir()
    shutil.copy(shard_path(path, 0) / "manifest.json", shard_path(path, 9))  # its data file comes next
    assert Store(path).ids() == list(range(6))
    absorb(path)
    assert Store(path).ids() == list(range(6))


def test_damage_in_a_shard_is_found_by_verify_and_by_the_reader(tmp_path):
    path = seal(sharded(tmp_path / "s"))
    data = shard_path(path, 1) / "data.mdb"
    content = bytearray(data.read_bytes())
    content[content.index(entry(3)["rows"].tobytes()) + 5] ^= 1
    data.write_bytes(content)
    assert Store(path).verify()[0].startswith("shard 00001: data.mdb has")
    with pytest.raises(CacheError, match="entry 3 is damaged"):
        Store(path)[3]


def test_a_shard_that_took_the_place_of_a_sealed_one_is_found(tmp_path):
    path = seal(sharded(tmp_path / "s"))
    shutil.rmtree(shard_path(path, 1))
    make(shard_path(path, 1), [1, 3])
    assert "shard 00001 is another one than was sealed" in Store(path).verify()[0]


def test_a_store_with_open_shards_cannot_be_completed_without_them(tmp_path):
    sharded(tmp_path / "s")
    with (StoreWriter(tmp_path / "s", FINGERPRINT, FIELDS) as writer,
          pytest.raises(CacheError, match="2 shards")):
        writer.complete()


def test_a_shard_of_something_else_is_refused_by_name_and_value(tmp_path):
    path = sharded(tmp_path / "s")
    make(shard_path(path, 7), [9], {"encoder": "xyz", "top": 20})
    for open_it in (Store, absorb):
        with pytest.raises(CacheError, match="00007 can't be one cache: encoder is 'abc' and 'xyz'"):
            open_it(path)


def test_a_shard_that_is_still_written_is_not_absorbed(tmp_path):
    path = sharded(tmp_path / "s")
    with (StoreWriter(shard_path(path, 1), FINGERPRINT, FIELDS),
          pytest.raises(CacheError, match=r"00001 is being written by process")):
        absorb(path)
    absorb(path)
    assert len(Store(path)) == 6


def test_an_entry_of_a_shard_replaces_an_older_one(tmp_path):
    path = make(tmp_path / "s", complete=False)
    with StoreWriter(shard_path(path, 0), FINGERPRINT, FIELDS) as shard:
        shard.put({2: entry(22)})
    np.testing.assert_array_equal(Store(path)[2]["rows"], entry(22)["rows"])
    absorb(path)
    np.testing.assert_array_equal(Store(path)[2]["rows"], entry(22)["rows"])


def test_a_reader_follows_shards_that_are_absorbed_and_shards_that_come(tmp_path):
    path = sharded(tmp_path / "s")
    store = Store(path)
    assert 1 in store
    absorb(path)
    np.testing.assert_array_equal(store[3]["rows"], entry(3)["rows"])
    make(shard_path(path, 5), [50], complete=False)
    np.testing.assert_array_equal(store[50]["rows"], entry(50)["rows"])


@pytest.mark.parametrize("step", ["copied", "set aside", "removed"])
def test_absorbing_can_be_killed_at_each_step_and_started_again(tmp_path, step, monkeypatch):
    whole, path = contents(make(tmp_path / "whole")), sharded(tmp_path / "s")

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    def copy_and_die(*arguments):
        shards_module_copy(*arguments)
        die()

    shards_module_copy = shards_module.copy_entries
    if step == "copied":
        monkeypatch.setattr(shards_module, "copy_entries", copy_and_die)
    elif step == "set aside":
        monkeypatch.setattr(shards_module.shutil, "rmtree", die)
    else:
        monkeypatch.setattr(shards_module.os, "replace", die)
    assert in_child(lambda: absorb(path))[0] == -signal.SIGKILL
    monkeypatch.undo()
    assert contents(path) == whole
    absorb(path)
    assert contents(path) == whole and not list((path / "shards").iterdir())


def test_writers_of_several_shards_work_at_the_same_time(tmp_path):
    path = tmp_path / "s"
    StoreWriter(path, FINGERPRINT, FIELDS).close()
    waits = [start(lambda rank=rank: make(shard_path(path, rank), range(40)[rank::3], complete=False))
             for rank in range(3)]
    assert [wait() for wait in waits] == [(0, "")] * 3
    absorb(path)
    assert contents(path) == contents(make(tmp_path / "whole", range(40)))


def test_stores_made_apart_merge_into_one(tmp_path):
    whole = make(tmp_path / "whole")
    parts = [make(tmp_path / str(k), range(6)[k::3], complete=False) for k in range(3)]
    assert merge_stores(parts[:2], tmp_path / "out", expected=6) == 4
    assert not Store(tmp_path / "out").is_complete
    assert merge_stores(parts, tmp_path / "out", expected=6) == 6
    assert Store(tmp_path / "out").is_complete and contents(tmp_path / "out") == contents(whole)
    assert contents(parts[0]) and Store(tmp_path / "out").verify() == []


def test_a_sharded_store_is_a_source_of_a_merge(tmp_path):
    merge_stores([seal(sharded(tmp_path / "s"))], tmp_path / "out")
    assert Store(tmp_path / "out").is_complete and len(Store(tmp_path / "out")) == 6


def test_ids_that_two_sources_share_are_fine_when_equal_and_refused_by_name_when_not(tmp_path):
    first, same = make(tmp_path / "a", range(3)), make(tmp_path / "b", range(2, 5))
    merge_stores([first, same], tmp_path / "out")
    with StoreWriter(tmp_path / "c", FINGERPRINT, FIELDS) as writer:
        writer.put({2: entry(99)})
    with pytest.raises(CacheError, match=r"1 ids differ between stores, such as 2 in .*a and .*c;"):
        merge_stores([first, same, tmp_path / "c"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_sources_made_from_different_things_are_refused_by_name(tmp_path):
    first, other = make(tmp_path / "a"), make(tmp_path / "b", fingerprint={"encoder": "xyz"})
    with pytest.raises(CacheError, match=r"a and .*b can't be one cache: encoder .*; top is 20 and None"):
        merge_stores([first, other], tmp_path / "out")
    with StoreWriter(tmp_path / "c", FINGERPRINT, {"rows": Field("float16", (None, 3))}) as writer:
        writer.put({1: entry(1)})
    with pytest.raises(CacheError, match="fields"):
        merge_stores([first, tmp_path / "c"], tmp_path / "out")


def test_a_damaged_source_is_not_merged(tmp_path):
    path = make(tmp_path / "a", complete=False)
    data = path / "data.mdb"
    content = bytearray(data.read_bytes())
    content[content.index(entry(3)["rows"].tobytes())] ^= 1
    data.write_bytes(content)
    with pytest.raises(CacheError, match="entry 3 is damaged"):
        merge_stores([path], tmp_path / "out")


def test_a_merge_into_one_of_its_sources_is_refused(tmp_path):
    path = make(tmp_path / "a")
    with pytest.raises(CacheError, match="source and the target"):
        merge_stores([path], path)


def test_a_plain_store_keeps_the_first_format_and_a_sealed_one_tells_its_own(tmp_path):
    make(tmp_path / "plain")
    seal(sharded(tmp_path / "s"))
    plain, sealed = ((tmp_path / name / "manifest.json").read_text() for name in ("plain", "s"))
    assert '"format_version": 1' in plain and "shards" not in plain and '"format_version": 2' in sealed
    checksum = checksum_file(shard_path(tmp_path / "s", 1) / "data.mdb")[1]
    assert Store(tmp_path / "s").manifest.shards["00001"] == checksum
