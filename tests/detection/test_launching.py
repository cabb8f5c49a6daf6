import pytest

from clip_plugins.detection.launching import Processes, first_does, join
from clip_plugins.errors import CacheError, ConfigError, DataError
from tests.contrastive.processes import run_processes


@pytest.mark.parametrize("options, message", [
    ({"launcher": "cron"}, "launcher 'cron' is unknown"),
    ({"part": (0, 3)}, "part 0/3 doesn't exist"),
    ({"part": (4, 3)}, "part 4/3 doesn't exist"),
    ({"part": (1, 3), "launcher": "pytorch"}, "leave it out"),
    ({"keep_shards": True}, "makes no shards"),
])  # fmt: skip
def test_what_does_not_fit_together_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Processes(**options)


def test_a_process_that_its_launcher_did_not_start_is_told_how(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ConfigError, match="--launcher pytorch was not started by torchrun"):
        join("pytorch")
    assert join("none") == join("ray") == (0, 1)


def failing(rank, ranks):
    def fail() -> None:
        raise DataError("no such file")

    try:
        first_does(fail)
    except CacheError as error:
        return str(error)
    return "nothing"


def test_all_processes_say_why_the_first_failed():
    assert run_processes(failing, 2) == ["no such file"] * 2


def test_a_process_alone_fails_with_its_own_error():
    with pytest.raises(DataError, match="no such file"):
        first_does(lambda: (_ for _ in ()).throw(DataError("no such file")))
