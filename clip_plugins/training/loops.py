"""mmengine's training loops, made exact: a resumed training ends with the weights of an uninterrupted one.

What breaks that in mmengine 0.10: the chance of the main process and of the workers starts anew; the sampler
is built before the stored seed is read; batches that were trained on are loaded and dropped, which takes as
long as training on them.
"""
from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, repeat
from typing import Any

from mmengine.dist import get_rank
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from clip_plugins.registry import LOOPS
from clip_plugins.training.chance import MODEL, seed_chance
from clip_plugins.training.stream import ReplayableLoader

# in the message hub, which goes into every checkpoint
BATCHES_DONE, VALIDATED = "batches_of_epoch_done", "validated_after_step"


class _Replaying:
    """Numbered batches, and chance by the number of the step."""

    def __init__(self, runner: Runner, dataloader: Any, **options: Any) -> None:
        self._given, self._seed = dataloader, runner.seed
        self._owes_validation = False
        super().__init__(runner, self._replayable(runner), **options)

    def _replayable(self, runner: Runner) -> ReplayableLoader:
        given = self._given
        if isinstance(given, Mapping):
            differs = runner._randomness_cfg.get("diff_rank_seed", False)
            given = runner.build_dataloader(given, seed=runner.seed, diff_rank_seed=differs)
        return ReplayableLoader(given, runner.seed)

    def _take_stored_seed(self) -> None:
        """Order the data anew where the checkpoint brought another seed than the loop was built with."""
        if self.runner.seed != self._seed:
            self._seed = self.runner.seed
            self.dataloader = self._replayable(self.runner)

    def _misses_validation(self, passed: int) -> bool:
        """Whether a scheduler watches a validation that was due when the checkpoint was written.

        Args:
            passed: what validations are counted by: iterations, or epochs.
        """
        schedulers = self.runner.param_schedulers or []
        groups = schedulers.values() if isinstance(schedulers, Mapping) else [schedulers]
        is_watched = any(getattr(one, "need_val_args", False) for group in groups for one in group)
        is_due = passed > 0 and passed >= self.val_begin and passed % self.val_interval == 0
        is_done = self.runner.message_hub.get_info(VALIDATED) == self._iter
        return is_watched and is_due and not is_done and self.runner.val_loop is not None

    def run_iter(self, *arguments: Any) -> None:
        """One step, by the chance of its number."""
        if self._owes_validation:
            self._owes_validation = False
            self.runner.val_loop.run()
            self.runner.model.train()
        seed_chance(MODEL, self._seed, get_rank(), self._iter)
        super().run_iter(*arguments)


@LOOPS.register_module()
class ResumableIterLoop(_Replaying, IterBasedTrainLoop):
    """`IterBasedTrainLoop` whose resumed run equals an uninterrupted one, bit for bit on a CPU.

    Args:
        runner: the runner.
        dataloader: config of the loader, or a loader.
        options: of mmengine's loop: `max_iters`, `val_begin`, `val_interval`, `dynamic_intervals`.
    """

    def run(self) -> Any:
        """Train from the present step on; what was trained on is skipped without being loaded."""
        self._take_stored_seed()
        self._decide_current_val_interval()
        self._owes_validation = self._misses_validation(self._iter)
        trained_on = repeat(None, self._iter)  # mmengine's loop draws and drops them
        self.dataloader_iterator = chain(trained_on, self.dataloader.endlessly(self._iter))
        return super().run()


@LOOPS.register_module()
class ResumableEpochLoop(_Replaying, EpochBasedTrainLoop):
    """`EpochBasedTrainLoop` likewise; it goes on in the middle of an epoch, too.

    Args:
        runner: the runner.
        dataloader: config of the loader, or a loader.
        options: of mmengine's loop: `max_epochs`, `val_begin`, `val_interval`, `dynamic_intervals`.
    """

    def run(self) -> Any:
        """Train from the present step on."""
        self._take_stored_seed()
        self._done = self.runner.message_hub.get_info(BATCHES_DONE, 0) if self._iter else 0
        self._decide_current_val_interval()
        self._owes_validation = not self._done and self._misses_validation(self._epoch)
        return super().run()

    def run_epoch(self) -> None:
        """One epoch, or what is left of it."""
        hub = self.runner.message_hub
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        done, self._done = self._done, 0
        self.dataloader.batch_sampler.begin(self._iter, skip=done)
        for number, batch in enumerate(self.dataloader, done):
            hub.update_info(BATCHES_DONE, number + 1)
            self.run_iter(number, batch)
        hub.update_info(BATCHES_DONE, 0)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1
