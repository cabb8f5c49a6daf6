import numpy as np
import pytest
import torch

from clip_plugins.errors import DataError
from clip_plugins.proposals.cache import CacheRecipe
from clip_plugins.proposals.writer import DecodedImage, fill_cache, unfinished_groups
from clip_plugins.store import Store, StoreWriter
from tests.proposals.fake import MeanEncoder

RECIPE = CacheRecipe(max_proposals=2, images_per_group=3, dtype="fp32")
FINGERPRINT = {"encoder": "mean"}


def image(identifier: int) -> DecodedImage:
    return DecodedImage(identifier, torch.full((3, 30, 40), 10 * identifier, dtype=torch.uint8))


def propose(images):
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 20, 40, 30], [10, 10, 30, 20], [50, 50, 60, 60]])
    return [(boxes, torch.tensor([0.1, 0.9, 0.5, 1.0])) for _ in images]


def fill(path, identifiers, encoder=None, proposer=propose):
    with StoreWriter(path, FINGERPRINT, RECIPE.fields(4)) as writer:
        groups = unfinished_groups(writer, identifiers, RECIPE.images_per_group)
        decoded = [[image(identifier) for identifier in group] for group in groups]
        fill_cache(writer, decoded, proposer, encoder or MeanEncoder(), RECIPE)
    return groups


def test_the_best_boxes_inside_of_the_image_are_stored_with_their_embeddings(tmp_path):
    fill(tmp_path / "c", [7])
    entry = Store(tmp_path / "c")[7]
    assert entry["boxes"].tolist() == [[20, 20, 40, 30], [10, 10, 30, 20]]
    np.testing.assert_allclose(entry["scores"], [0.9, 0.5])
    np.testing.assert_allclose(np.linalg.norm(entry["embeddings"], axis=1), 1, rtol=1e-6)


def test_a_group_is_done_again_as_a_whole_if_an_image_of_it_is_missing(tmp_path):
    assert fill(tmp_path / "c", [1, 2, 3, 4]) == [[1, 2, 3], [4]]
    assert fill(tmp_path / "c", [1, 2, 3, 4, 5, 6, 7]) == [[4, 5, 6], [7]]
    assert fill(tmp_path / "c", [1, 2, 3, 4, 5, 6, 7]) == []


def test_an_image_without_proposals_has_an_entry_of_none(tmp_path):
    fill(tmp_path / "c", [1], proposer=lambda images: [(torch.zeros(0, 4), torch.zeros(0)) for _ in images])
    entry = Store(tmp_path / "c")[1]
    assert entry["boxes"].shape == (0, 4) and entry["embeddings"].shape == (0, 4)


def test_embeddings_that_are_not_finite_are_refused_and_nothing_of_their_group_is_written(tmp_path):
    class Broken(MeanEncoder):
        def encode_image(self, pixels, normalize=False):
            return super().encode_image(pixels) * float("nan")

    with pytest.raises(DataError, match="aren't finite"):
        fill(tmp_path / "c", [1, 2], Broken())
    assert len(Store(tmp_path / "c")) == 0
