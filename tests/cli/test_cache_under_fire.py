import copy

import numpy as np
import pytest

from clip_plugins.cli import cache_under_fire as fire
from clip_plugins.cli.bits_under_fire import flip_bits
from clip_plugins.proposals.cache import CacheRecipe
from clip_plugins.store import Store
from tests.detection.test_precompute import job as base_job  # noqa: F401  (fixture)


@pytest.fixture(scope="module")
def trial(base_job, tmp_path_factory):  # noqa: F811
    """A job, the cache of an untouched run, and its contents."""
    config, root = base_job
    config = copy.deepcopy(config)
    config.val_dataloader = config.test_dataloader
    folder = tmp_path_factory.mktemp("fire")
    job = fire.Job(config, root / "detector.pth", folder, CacheRecipe(max_proposals=5, images_per_group=3))
    job.run(folder / "whole")
    return job, folder / "whole", fire.contents(folder / "whole")


def test_kills_change_nothing(trial):
    job, _, whole = trial
    row = fire.kill(job, whole, 3, 1.5, np.random.default_rng(0))
    assert row.done == 3 and row.defects == []


def test_a_cache_that_differs_is_a_defect(trial):
    job, _, whole = trial
    other = {key: entry[:-1] for key, entry in whole.items()}
    assert "differs" in fire.kill(job, other, 1, 0.5, np.random.default_rng(0)).defects[0]


def test_two_processes_give_the_content_of_one(trial):
    job, _, whole = trial
    row = fire.share(job, whole, 2)
    assert row.done == 2 and row.defects == []


def test_a_killed_rank_changes_nothing(trial):
    job, _, whole = trial
    row = fire.kill_ranks(job, whole, 1, 1.0, np.random.default_rng(0))
    assert row.done == 1 and row.defects == []


def test_flipped_bits_are_found_by_verify_and_by_the_reader(trial):
    job, path, _ = trial
    row = flip_bits(job, path, 30, np.random.default_rng(0))
    assert row.done == 30 and row.defects == []
    assert row.notes["found_by_reader"] == row.notes["in_entries"] > 0


def test_an_overlooked_bit_is_a_defect(trial, monkeypatch):
    job, path, _ = trial
    monkeypatch.setattr("clip_plugins.store.reader.check_entry", lambda key, entry: None)
    monkeypatch.setattr(Store, "verify", lambda self: [])
    defects = flip_bits(job, path, 10, np.random.default_rng(0)).defects
    assert any("verify overlooks" in defect for defect in defects)
    assert any("the reader overlooks" in defect for defect in defects)


def test_a_full_disk_loses_nothing_finished(trial):
    job, _, whole = trial
    row = fire.fill_disk(job, whole)
    if "skipped" in row.notes:
        pytest.skip(row.notes["skipped"])
    assert row.defects == [] and "its disk is full or fails" in row.notes["told"]
