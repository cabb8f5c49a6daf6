"""Numbered batches: made by their own chance, in any process, from any number on."""
import pickle

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader, IterableDataset

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.training.stream import ReplayableLoader, SeededDataset
from tests.training.toy import Noisy


def loader(sampler=InfiniteSampler, **options) -> ReplayableLoader:
    dataset = Noisy()
    plain = DataLoader(dataset, batch_size=3, sampler=sampler(dataset, seed=0), **options)
    return ReplayableLoader(plain, seed=0)


def take(batches, count: int) -> list[list[float]]:
    return [next(batches)["x"].flatten().tolist() for _ in range(count)]


@pytest.mark.parametrize("sampler", [InfiniteSampler, DefaultSampler])
@pytest.mark.parametrize("start", [1, 4, 9])
def test_a_later_beginning_gives_the_same_batches(sampler, start):
    whole = take(loader(sampler).endlessly(0), 12)
    assert take(loader(sampler).endlessly(start), 12 - start) == whole[start:]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_count_of_workers_changes_nothing(workers):
    assert take(loader(num_workers=workers).endlessly(0), 6) == take(loader().endlessly(0), 6)


def test_skipped_samples_are_not_made(monkeypatch: pytest.MonkeyPatch):
    replayed, made = loader(), []
    monkeypatch.setattr(Noisy, "__getitem__", lambda self, index: made.append(index) or {"x": torch.ones(1)})
    take(replayed.endlessly(1000), 1)
    assert len(made) == 3


def test_the_current_batch_is_the_one_that_was_given_last():
    replayed = loader(num_workers=2)
    batches = replayed.endlessly(5)
    for number in (5, 6, 7):
        values = next(batches)["x"].flatten().tolist()
        assert replayed.current.number == number
        assert all(index <= value < index + 3 for index, value in zip(replayed.current, values))


def test_attributes_of_the_dataset_pass_through():
    wrapped = SeededDataset(Noisy(), 0, 0)
    assert wrapped.metainfo == Noisy.metainfo
    wrapped.pipeline = "new"
    assert wrapped.dataset.pipeline == "new"
    assert pickle.loads(pickle.dumps(wrapped)).place == (0, 0)


def test_a_stream_without_indices_is_refused():
    class Endless(IterableDataset):
        def __iter__(self):
            yield 1

    with pytest.raises(ConfigError, match="Endless can't be replayed"):
        ReplayableLoader(DataLoader(Endless()), seed=0)


def test_a_dataset_without_a_batch_is_refused():
    plain = DataLoader(torch.utils.data.Subset(Noisy(), [1, 2]), batch_size=3, drop_last=True)
    with pytest.raises(DataError, match="Subset has 2 samples, which make no batch"):
        ReplayableLoader(plain, seed=0)
