"""How a tool ends."""
import signal
import subprocess
import sys
import time

import pytest

from clip_plugins import errors
from clip_plugins.cli import door

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def raising(error: BaseException):
    def work():
        raise error
    return work


def test_work_without_a_code_ends_with_zero():
    assert door(lambda: None) == 0


def test_own_code_is_kept():
    assert door(lambda: 1) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_user_error_is_one_sentence_without_traceback(kind: type, capsys: pytest.CaptureFixture):
    assert door(raising(kind("it is 3; make it 4"))) == 2
    assert capsys.readouterr() == ("", "error: it is 3; make it 4\n")


def test_debug_shows_the_traceback_too(capsys: pytest.CaptureFixture):
    assert door(raising(errors.DataError("it is 3")), debug=True) == 2
    told = capsys.readouterr().err
    assert "Traceback" in told and told.endswith("error: it is 3\n")


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture):
    assert door(raising(KeyboardInterrupt())) == 130
    assert "interrupted" in capsys.readouterr().err


def test_defects_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        door(raising(ZeroDivisionError("a defect")))


def test_a_real_sigint_ends_with_130():
    # a parent in the background of a script hands down SIGINT ignored; a shell's own child doesn't
    code = ("import signal, sys, time; from clip_plugins.cli import door\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "def work():\n    print('ready', flush=True)\n    time.sleep(60)\nsys.exit(door(work))")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert "Traceback" not in process.stderr.read()
