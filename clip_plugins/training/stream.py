"""Batches with numbers: each is made by its own chance, and a training may begin at any of them."""
from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_rank
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.training.chance import DATA, seed_chance

OPTIONS = ("num_workers", "collate_fn", "pin_memory", "timeout", "worker_init_fn", "multiprocessing_context",
           "generator", "prefetch_factor", "persistent_workers", "pin_memory_device")


class NumberedBatch(list):
    """The indices of a batch; `number` counts the batches of the whole training from 0."""

    def __init__(self, indices: list[int], number: int) -> None:
        super().__init__(indices)
        self.number = number


class NumberedBatches(Sampler):
    """A batch sampler that numbers what another one draws, and can begin in the middle.

    Args:
        batches: the batch sampler, mmengine's, mmdet's or torch's.
    """

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self.number = 0
        self.drawn: deque[NumberedBatch] = deque()  # by the workers, not yet trained on
        self._begun: Iterator | None = None

    @property
    def sampler(self) -> Any:
        """The sampler below, which mmengine's DistSamplerSeedHook looks for."""
        return self.batches.sampler

    def __len__(self) -> int:
        return len(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """Tell the sampler which pass comes next, where it asks for that."""
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)

    def begin(self, number: int, skip: int) -> int:
        """Skip batches, over as many passes as they fill; their indices are drawn, no sample is made.

        Args:
            number: of the batch that comes next.
            skip: how many batches to skip from the present pass' start.
        Returns:
            how many whole passes were skipped.
        """
        passes, begun = 0, iter(self.batches)
        for _ in range(skip):
            if next(begun, None) is None:
                passes += 1
                self.set_epoch(passes)
                begun = iter(self.batches)
                next(begun)
        self.number, self._begun = number, begun
        return passes

    def __iter__(self) -> Iterator[NumberedBatch]:
        begun, self._begun = self._begun or iter(self.batches), None
        self.drawn.clear()
        for indices in begun:
            batch = NumberedBatch(indices, self.number)
            self.number += 1
            self.drawn.append(batch)
            yield batch


class SeededDataset(Dataset):
    """A dataset whose batches come out the same whoever makes them; all else passes through.

    Args:
        dataset: the dataset.
        seed: of the run.
        rank: of the process.
    """

    OWN = ("dataset", "place")

    def __init__(self, dataset: Any, seed: int, rank: int) -> None:
        self.dataset, self.place = dataset, (seed, rank)

    def __getitems__(self, batch: NumberedBatch) -> list:
        """The samples of a batch, made by the chance of its number."""
        seed_chance(DATA, *self.place, batch.number)
        return [self.dataset[index] for index in batch]

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        if name in self.OWN:  # not yet unpickled
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value) if name in self.OWN else setattr(self.dataset, name, value)


class ReplayableLoader(DataLoader):
    """The same batches as another loader's, numbered; nothing starts before the first one is asked for.

    Args:
        loader: a loader that hasn't been iterated yet.
        seed: of the run.
    Raises:
        ConfigError: its dataset has no indices, or it makes no batches.
        DataError: it has no batch.
    """

    def __init__(self, loader: DataLoader, seed: int) -> None:
        if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
            raise ConfigError(f"{type(loader.dataset).__name__} can't be replayed, since it has no indices "
                              "or no batches; train it with type='IterBasedTrainLoop'")
        if not len(loader):
            raise DataError(f"{type(loader.dataset).__name__} has {len(loader.dataset)} samples, which make "
                            "no batch; check its files and filters, or lower batch_size")
        super().__init__(SeededDataset(loader.dataset, seed, get_rank()),
                         batch_sampler=NumberedBatches(loader.batch_sampler),
                         **{name: getattr(loader, name) for name in OPTIONS})
        self.current: NumberedBatch | None = None

    def __iter__(self) -> Iterator[Any]:
        for batch in super().__iter__():
            self.current = self.batch_sampler.drawn.popleft()
            yield batch

    def endlessly(self, number: int) -> Iterator[Any]:
        """Pass after pass.

        Args:
            number: of the first batch; those before it aren't made.
        """
        passes = self.batch_sampler.begin(number, skip=number)
        while True:
            yield from self
            passes += 1
            self.batch_sampler.set_epoch(passes)
