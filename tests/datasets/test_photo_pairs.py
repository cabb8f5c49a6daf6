import random
from pathlib import Path

import numpy as np
import pytest

from clip_plugins.datasets.photo_pairs import (
    LabelledPhotographs,
    ShardedPhotographs,
    WindowRule,
    random_window,
    training_window,
)
from clip_plugins.datasets.photo_sources import Photograph
from clip_plugins.errors import ConfigError
from clip_plugins.registry import DATASETS
from tests.datasets.test_photo_sources import REEL, TABBY, labelled, sample, write_shard  # noqa: F401

RNG = np.random.default_rng


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_shard(tmp_path / "train-0000.tar", {"a": sample(TABBY), "b": sample(REEL)})
    return tmp_path


def sharded(folder: Path, **options) -> ShardedPhotographs:
    return ShardedPhotographs("train-*.tar", str(folder), **options)


def test_random_windows_lie_inside_and_have_their_area():
    rng = RNG(0)
    for _ in range(100):
        left, top, right, bottom = random_window(100, 50, (0.25, 0.25), 0.0, rng)
        assert left >= 0 and top >= 0 and right <= 100 and bottom <= 50
        assert (right - left) * (bottom - top) == pytest.approx(0.25 * 100 * 50)


def test_the_whole_image_is_the_largest_window():
    assert random_window(60, 40, (1.0, 1.0), 0.0, RNG(0)) == pytest.approx((0, 0, 60, 40))


def test_windows_lie_round_the_box():
    rule = WindowRule(boxed=1.0, tight=1.0, shift=0.0)
    photograph = Photograph(b"", box=(10.0, 12.0, 40.0, 50.0))
    assert training_window(photograph, 64, 64, rule, RNG(0)) == pytest.approx((10, 12, 40, 50))


def test_a_box_too_small_to_see_is_left_alone():
    rule = WindowRule(boxed=1.0, area=(1.0, 1.0), stretch=0.0)
    photograph = Photograph(b"", box=(10.0, 12.0, 25.0, 50.0))
    assert training_window(photograph, 64, 64, rule, RNG(0)) == pytest.approx((0, 0, 64, 64))


def test_a_thing_is_called_by_its_kind_or_its_own_names(shards: Path):
    by_kind, by_name = (sharded(shards, kind=share, bare=1.0) for share in (1.0, 0.0))
    tabby, reel = (one["photograph"] for one in by_kind.data_list)
    assert by_kind.say(tabby, RNG(0)) == ("cat", "cat")
    assert {by_name.say(tabby, RNG(seed)) for seed in range(20)} == {("tabby", "cat"), ("tabby cat", "cat")}
    assert by_kind.say(reel, RNG(0)) == ("reel", "n2")


def test_names_are_put_into_prompts(shards: Path):
    dataset = sharded(shards, kind=1.0, bare=0.0, prompts=("single",))
    assert dataset.say(dataset.data_list[0]["photograph"], RNG(0))[0] == "a photo of a cat."


def test_many_labels_come_in_any_order_under_one_key():
    dataset = LabelledPhotographs.__new__(LabelledPhotographs)
    dataset.sentences = 0.0
    pets = Photograph(b"", labels=("dog", "cat"))
    said = {dataset.say(pets, RNG(seed)) for seed in range(20)}
    assert said == {("a photo of a cat and a dog", "cat, dog"), ("a photo of a dog and a cat", "cat, dog")}


def test_captions_are_taken_as_often_as_asked_for():
    dataset = LabelledPhotographs.__new__(LabelledPhotographs)
    dataset.sentences = 1.0
    pets = Photograph(b"", labels=("dog", "cat"), captions=("Two pets.",))
    assert dataset.say(pets, RNG(0)) == ("Two pets.", "Two pets.")


def test_training_samples_are_windows_with_texts(shards: Path):
    random.seed(0)
    one = sharded(shards, size=16)[0]
    assert one["inputs"].shape == (3, 16, 16)
    assert set(one) == {"inputs", "captions", "keys"}


def test_evaluation_takes_whole_photographs_and_labels_them(shards: Path):
    dataset = sharded(shards, size=16, test_mode=True)
    assert dataset.metainfo["classes"] == ("cat", "reel")
    assert [one["labels"] for one in dataset] == [0, 1]
    assert dataset[0]["inputs"].float().mean((1, 2)).round().tolist() == pytest.approx([200, 30, 30], abs=3)


def test_only_the_pictures_of_a_subset_are_decoded(shards: Path):
    dataset = sharded(shards, indices=1)
    assert len(dataset) == len(dataset.pictures) == 1


def test_shares_beyond_one_are_refused(shards: Path):
    with pytest.raises(ConfigError, match=r"kind=1\.5"):
        sharded(shards, kind=1.5)


def test_registered():
    assert DATASETS.get("ShardedPhotographs") is ShardedPhotographs
    assert DATASETS.get("LabelledPhotographs") is LabelledPhotographs
