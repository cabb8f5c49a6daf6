import json

import numpy as np
import pytest

from clip_plugins.errors import CacheError, ConfigError, DataError
from clip_plugins.proposals.boxes import read_boxes
from clip_plugins.proposals.cache import CacheRecipe, fingerprint_file
from clip_plugins.proposals.upkeep import Pruning, export_arrays, export_boxes, merge_caches, prune_cache
from clip_plugins.store import Store, StoreWriter

IDS = [3, 5, 8]


def proposals(identifier: int, count: int = 4) -> dict:
    generator = np.random.default_rng(identifier)
    corners = generator.integers(0, 40, (count, 2))
    boxes = np.concatenate([corners, corners + generator.integers(1, 20, (count, 2))], axis=1)
    return {"boxes": np.float32(boxes), "scores": np.linspace(1, 0.25, count, dtype=np.float32),
            "embeddings": generator.normal(size=(count, 6)).astype(np.float32)}


def make(path, ids=IDS, dtype="fp32", complete=True):
    recipe = CacheRecipe(max_proposals=4, dtype=dtype)
    fingerprint = {"annotations": "a", "images": len(IDS), **recipe.fingerprint()}
    with StoreWriter(path, fingerprint, recipe.fields(6)) as writer:
        writer.put({identifier: proposals(identifier) for identifier in ids})
        if complete:
            writer.complete()
    return path


def test_parts_merge_and_are_complete_once_every_image_is_there(tmp_path):
    parts = [make(tmp_path / str(identifier), [identifier], complete=False) for identifier in IDS]
    assert merge_caches(parts[:2], tmp_path / "m") == 2 and not Store(tmp_path / "m").is_complete
    assert merge_caches(parts, tmp_path / "m") == 3 and Store(tmp_path / "m").is_complete


def test_pruning_keeps_the_best_and_says_so(tmp_path):
    assert prune_cache(make(tmp_path / "c"), tmp_path / "p", Pruning(max_proposals=2)) == 3
    pruned = Store(tmp_path / "p", {"max_proposals": 2, "pruned_from": '{"max_proposals": 4}'})
    assert pruned.is_complete and pruned.verify() == []
    for name, array in pruned[5].items():
        np.testing.assert_array_equal(array, proposals(5)[name][:2])


def test_pruning_to_an_annotation_file_keeps_its_images(tmp_path):
    (tmp_path / "small.json").write_text(json.dumps({"images": [{"id": 8}, {"id": 3}]}))
    prune_cache(make(tmp_path / "c"), tmp_path / "p", Pruning(annotations=tmp_path / "small.json"))
    expected = {"images": 2, "annotations": fingerprint_file(tmp_path / "small.json")}
    assert Store(tmp_path / "p", expected).ids() == [3, 8]


def test_pruning_to_an_image_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"images": [{"id": 99}]}))
    with pytest.raises(CacheError, match="no entry 99"):
        prune_cache(make(tmp_path / "c"), tmp_path / "p", Pruning(annotations=tmp_path / "other.json"))


@pytest.mark.parametrize("dtype", ["fp16", "int8"])
def test_a_coarser_copy_equals_a_cache_made_so(tmp_path, dtype):
    prune_cache(make(tmp_path / "c"), tmp_path / "p", Pruning(dtype=dtype))
    coarse = Store(make(tmp_path / "d", dtype=dtype))
    assert dict(Store(tmp_path / "p").encoded()) == dict(coarse.encoded())


def test_a_finer_copy_or_more_proposals_are_refused(tmp_path):
    make(tmp_path / "c", dtype="int8")
    with pytest.raises(ConfigError, match="'fp16' can't be made of 'int8'"):
        prune_cache(tmp_path / "c", tmp_path / "p", Pruning(dtype="fp16"))
    with pytest.raises(ConfigError, match="9 proposals can't be kept of 4"):
        prune_cache(tmp_path / "c", tmp_path / "p", Pruning(max_proposals=9))


def test_pruning_nothing_makes_the_same_cache_without_free_pages(tmp_path):
    for _ in range(5):  # replaced entries leave free pages
        make(tmp_path / "c")
    prune_cache(tmp_path / "c", tmp_path / "p", Pruning())
    assert Store(tmp_path / "p").fingerprint == Store(tmp_path / "c").fingerprint
    size, before = ((tmp_path / name / "data.mdb").stat().st_size for name in "pc")
    assert size <= before and dict(Store(tmp_path / "p").encoded()) == dict(Store(tmp_path / "c").encoded())


def test_a_cache_is_not_pruned_into_itself(tmp_path):
    with pytest.raises(CacheError, match="is the cache itself"):
        prune_cache(make(tmp_path / "c"), tmp_path / "c", Pruning(max_proposals=2))


def test_arrays_are_exported_in_rows_with_an_index(tmp_path):
    assert export_arrays(make(tmp_path / "c"), tmp_path / "arrays") == 3
    index = json.loads((tmp_path / "arrays" / "index.json").read_text())
    assert (index["ids"], index["first_row"]) == (IDS, [0, 4, 8, 12])
    for name in ("boxes", "scores", "embeddings"):
        rows = np.load(tmp_path / "arrays" / f"{name}.npy", mmap_mode="r")
        np.testing.assert_array_equal(rows[4:8], proposals(5)[name])


def test_an_export_never_touches_what_is_there_and_leaves_nothing_half_written(tmp_path):
    (tmp_path / "arrays").mkdir()
    with pytest.raises(DataError, match="exists"):
        export_arrays(make(tmp_path / "c"), tmp_path / "arrays")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_arrays(tmp_path / "c", tmp_path / "other", stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arrays", "c"]


def test_exported_boxes_come_back_as_external_proposals(tmp_path):
    export_boxes(make(tmp_path / "c"), tmp_path / "boxes.json")
    boxes, scores = read_boxes(tmp_path / "boxes.json")[8]
    np.testing.assert_array_equal(boxes, proposals(8)["boxes"])
    np.testing.assert_array_equal(scores, proposals(8)["scores"])
