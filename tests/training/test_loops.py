"""The loops go on where a run was killed, as if it hadn't been."""
import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import MessageHub

from tests.training.toy import Noisy, build_runner, kill, weights

ITERATIONS = {"type": "clip_plugins.ResumableIterLoop", "max_iters": 9}
EPOCHS = {"type": "clip_plugins.ResumableEpochLoop", "max_epochs": 3}


def assert_equal(first: dict, second: dict) -> None:
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.fixture(scope="module", params=[ITERATIONS, EPOCHS], ids=["iterations", "epochs"])
def whole(request, tmp_path_factory):
    """The loop, and an uninterrupted run of it."""
    runner = build_runner(tmp_path_factory.mktemp("whole"), loop=request.param)
    runner.train()
    return request.param, runner


@pytest.mark.parametrize("killed_before", [3, 5, 8])
def test_resumed_run_sees_and_learns_the_same(whole, killed_before, tmp_path):
    loop, uninterrupted = whole
    kill(build_runner(tmp_path, loop=loop), killed_before)
    newest = killed_before // 2 * 2
    resumed = build_runner(tmp_path, loop=loop, resume=True, load_from=str(tmp_path / f"iter_{newest}.pth"))
    resumed.train()
    assert resumed.model.seen == uninterrupted.model.seen[newest:]
    assert_equal(weights(resumed), weights(uninterrupted))


def test_a_run_that_is_killed_twice_learns_the_same(whole, tmp_path):
    loop, uninterrupted = whole
    kill(build_runner(tmp_path, loop=loop), 3)
    kill(build_runner(tmp_path, loop=loop, resume=True), 7)
    resumed = build_runner(tmp_path, loop=loop, resume=True)
    resumed.train()
    assert_equal(weights(resumed), weights(uninterrupted))


def test_workers_change_nothing(whole, tmp_path):
    loop, uninterrupted = whole
    runner = build_runner(tmp_path, loop=loop, workers=2)
    runner.train()
    assert runner.model.seen == uninterrupted.model.seen
    assert_equal(weights(runner), weights(uninterrupted))


def test_every_pass_has_its_own_order_and_chance(whole):
    seen = [[int(x) for x in batch] for batch in whole[1].model.seen]
    assert seen[:4] != seen[4:8]
    values = [x for batch in whole[1].model.seen for x in batch]
    assert len(set(values)) == len(values)


def test_a_run_without_a_seed_goes_on_with_the_one_that_was_drawn(tmp_path):
    first = build_runner(tmp_path / "first", randomness={"seed": None})
    first.train()
    path = str(tmp_path / "first" / "iter_4.pth")
    resumed = build_runner(tmp_path / "second", randomness={"seed": None}, resume=True, load_from=path)
    assert resumed.seed != first.seed
    resumed.train()
    assert resumed.model.seen == first.model.seen[4:]
    assert_equal(weights(resumed), weights(first))


def test_gradients_of_an_accumulated_step_are_resumed(tmp_path):
    wrapper = {"optimizer": {"type": "Adam", "lr": 0.01}, "accumulative_counts": 4}
    whole = build_runner(tmp_path / "whole", optim_wrapper=wrapper)
    whole.train()
    kill(build_runner(tmp_path, optim_wrapper=wrapper), 7)
    resumed = build_runner(tmp_path, optim_wrapper=wrapper, resume=True)
    resumed.train()
    assert_equal(weights(resumed), weights(whole))


def watching(folder, kind: str, hook: dict | None = None, **changes):
    """A run whose learning rate follows a metric, with a validation every 2 steps (or every epoch)."""
    loop = {"iterations": {**ITERATIONS, "val_interval": 2}, "epochs": EPOCHS}[kind]
    loader = {"dataset": Noisy(), "batch_size": 4, "sampler": {"type": "DefaultSampler", "shuffle": False}}
    return build_runner(
        folder, loop=loop, val_dataloader=loader, val_cfg={}, val_evaluator=Evaluator(Worse()), hook=hook,
        param_scheduler=[{"type": "ReduceOnPlateauLR", "monitor": "acc", "rule": "greater", "patience": 0,
                          "factor": 0.5}],
        default_hooks={"param_scheduler": {"type": "ParamSchedulerHook"}, "checkpoint": {
            "type": "clip_plugins.DurableCheckpointHook", "by_epoch": False, "interval": 2, **(hook or {})}},
        **changes)


class Worse(BaseMetric):
    """Falls with every step that the model has made, so that the rate falls with every validation."""

    def process(self, data_batch, data_samples):
        self.results.append(len(data_samples))

    def compute_metrics(self, results):
        return {"acc": -float(MessageHub.get_current_instance().get_info("iter", 0))}


@pytest.mark.parametrize("kind", ["iterations", "epochs"])
@pytest.mark.parametrize("hook", [{}, {"save_best": "acc", "rule": "less"}], ids=["before", "after"])
def test_a_scheduler_that_watches_a_metric_misses_no_validation(kind, hook, tmp_path):
    whole = watching(tmp_path / "whole", kind, hook)
    whole.train()
    kill(watching(tmp_path / "killed", kind, hook), 5)
    resumed = watching(tmp_path / "killed", kind, hook, resume=True)
    resumed.train()
    assert resumed.optim_wrapper.get_lr() == whole.optim_wrapper.get_lr()
    assert whole.optim_wrapper.get_lr()["lr"][0] < 0.01
    assert_equal(weights(resumed), weights(whole))
