"""On a local Ray, where it is installed (`pip install clip_plugins[ray]`)."""
import builtins

import numpy as np
import pytest

from clip_plugins.cli.actors_under_fire import Killer
from clip_plugins.detection.launching import Processes
from clip_plugins.errors import ConfigError
from clip_plugins.store import Store
from tests.detection.test_precompute import IMAGES, contents, job, run, whole  # noqa: F401  (fixtures)


def test_without_ray_the_cure_is_named(job, tmp_path, monkeypatch):  # noqa: F811
    original = builtins.__import__

    def without_ray(name, *arguments, **options):
        if name == "ray":
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    with pytest.raises(ConfigError, match=r"pip install 'clip_plugins\[ray\]'"):
        run(job, tmp_path / "c", processes=Processes("ray"))


@pytest.fixture
def cluster():
    ray = pytest.importorskip("ray", reason="Ray isn't installed; it is the optional extra `ray`")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_two_actors_of_which_one_is_killed_give_the_same_bytes_as_one_process(
        job, whole, tmp_path, cluster):  # noqa: F811
    with Killer(np.random.default_rng(), most=1) as killer:
        assert run(job, tmp_path / "c", processes=Processes("ray", workers=2)) == IMAGES
    assert killer.killed == 1
    assert Store(tmp_path / "c").is_complete and contents(tmp_path / "c") == contents(whole)
