import pickle

import numpy as np
import pytest

from clip_plugins.encoders import build_encoder
from clip_plugins.errors import CacheError, ConfigError
from clip_plugins.proposals import LoadCachedProposals
from clip_plugins.proposals.cache import CacheRecipe, fingerprint_file
from clip_plugins.registry import TRANSFORMS
from clip_plugins.store import Field, StoreWriter


def results(identifier=5) -> dict:
    return {"img_id": identifier, "img_shape": (40, 60), "ori_shape": (40, 60)}


@pytest.fixture
def cache(tmp_path):
    (tmp_path / "annotations.json").write_text("{}")
    fingerprint = {"encoder": "abc", "annotations": fingerprint_file(tmp_path / "annotations.json")}
    with StoreWriter(tmp_path / "c", fingerprint, CacheRecipe().fields(3)) as writer:
        writer.put({
            5: {"boxes": np.float32([[0, 0, 10, 10], [5, 5, 20, 30]]), "scores": [0.9, 0.4],
                "embeddings": np.float32([[1, 0, 0], [0, 1, 0]])},
            6: {"boxes": np.zeros((0, 4)), "scores": [], "embeddings": np.zeros((0, 3))},
        })  # fmt: skip
    return tmp_path / "c"


def test_boxes_scores_and_embeddings_come_in_float32(cache):
    loaded = TRANSFORMS.build({"type": "clip_plugins.LoadCachedProposals", "cache": cache})(results())
    assert loaded["proposals"].tolist() == [[0, 0, 10, 10], [5, 5, 20, 30]]
    assert loaded["proposal_embeddings"].tolist() == [[1, 0, 0], [0, 1, 0]]
    arrays = [loaded[key] for key in ("proposals", "proposal_scores", "proposal_embeddings")]
    assert all(array.dtype == np.float32 for array in arrays)


def test_only_the_best_are_taken_on_request(cache):
    loaded = LoadCachedProposals(cache, max_proposals=1)(results())
    assert [len(loaded[key]) for key in ("proposals", "proposal_scores", "proposal_embeddings")] == [1, 1, 1]
    assert loaded["proposal_scores"] == np.float32(0.9)


def test_an_image_may_have_no_proposals(cache):
    assert LoadCachedProposals(cache)(results(6))["proposals"].shape == (0, 4)


def test_an_unknown_image_is_one_sentence(cache):
    with pytest.raises(CacheError, match="no entry 99"):
        LoadCachedProposals(cache)(results(99))


def test_it_can_be_sent_to_a_worker(cache):
    load = LoadCachedProposals(cache)
    load(results())
    assert len(pickle.loads(pickle.dumps(load))(results())["proposals"]) == 2


def test_a_cache_of_another_dataset_encoder_or_detector_is_refused(cache, tmp_path):
    LoadCachedProposals(cache, annotation_file=tmp_path / "annotations.json", expect={"encoder": "abc"})
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(CacheError, match="annotations is '44136fa355b3678a' in the cache and"):
        LoadCachedProposals(cache, annotation_file=tmp_path / "other.json")
    encoder = {"type": "clip_plugins.TinyCLIP", "pretrained": False}
    own = build_encoder(encoder).fingerprint
    with pytest.raises(CacheError, match=f"encoder is 'abc' in the cache and '{own}'"):
        LoadCachedProposals(cache, encoder=encoder)
    with pytest.raises(CacheError, match="detector_checkpoint is None in the cache and 'x' here"):
        LoadCachedProposals(cache, expect={"detector_checkpoint": "x"})


def test_a_store_of_something_else_is_refused(tmp_path):
    StoreWriter(tmp_path / "c", {}, {"frames": Field("float32", (None,))}).close()
    with pytest.raises(CacheError, match="no proposals"):
        LoadCachedProposals(tmp_path / "c")


@pytest.mark.parametrize("change", [{"img_shape": (80, 120)}, {"homography_matrix": np.eye(3)}])
def test_it_refuses_to_come_after_a_geometric_transform(cache, change):
    with pytest.raises(ConfigError, match="comes after a geometric transform"):
        LoadCachedProposals(cache)({**results(), **change})
