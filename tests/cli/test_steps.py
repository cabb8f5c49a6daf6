import json
import sys
from pathlib import Path

import pytest

from clip_plugins.cli import steps as module
from clip_plugins.cli.steps import Chain, Step, StepError

WRITE = "import sys; open(sys.argv[1], 'a').write('x')"


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(module, "cores", lambda: 2)


def step(path: Path, name: str = "write", inputs: tuple[Path, ...] = ()) -> Step:
    return Step(name, ("-c", WRITE, str(path)), outputs=(path,), inputs=inputs)


def test_a_done_step_is_not_run_again(tmp_path):
    out = tmp_path / "out"
    Chain(tmp_path).run([step(out)])
    Chain(tmp_path).run([step(out)])
    assert out.read_text() == "x"


def test_a_step_whose_input_changed_runs_again(tmp_path):
    out, given = tmp_path / "out", tmp_path / "in"
    given.write_text("1")
    Chain(tmp_path).run([step(out, inputs=(given,))])
    given.write_text("2")
    Chain(tmp_path).run([step(out, inputs=(given,))])
    assert out.read_text() == "xx"


def test_a_step_whose_output_is_gone_runs_again(tmp_path):
    out = tmp_path / "out"
    Chain(tmp_path).run([step(out)])
    out.unlink()
    Chain(tmp_path).run([step(out)])
    assert out.read_text() == "x"


def test_a_failing_command_stops_the_chain_with_the_end_of_its_log(tmp_path):
    later = tmp_path / "later"
    fails = Step("fail", ("-c", "print('why it failed'); raise SystemExit(3)"), outputs=())
    with pytest.raises(StepError, match=r"exit code 3(.|\n)*why it failed"):
        Chain(tmp_path).run([fails, step(later)])
    assert not later.exists()


def test_a_command_that_leaves_nothing_is_an_error(tmp_path):
    with pytest.raises(StepError, match="left no"):
        Chain(tmp_path).run([Step("nothing", ("-c", "pass"), outputs=(tmp_path / "absent",))])


def test_the_time_of_steps_that_were_done_before_counts(tmp_path):
    chain = Chain(tmp_path)
    work = [step(tmp_path / "out")]
    chain.run(work)
    spent = chain.seconds(work)
    chain.run(work)
    assert spent == chain.seconds(work) > 0


def test_steps_that_ran_side_by_side_count_once(tmp_path):
    chain = Chain(tmp_path)
    for name, started, ended in (("a", 10, 20), ("b", 12, 25), ("c", 100, 101)):
        (chain.records / f"{name}.json").write_text(json.dumps({"started": started, "ended": ended}))
    assert chain.seconds([Step(name, (), outputs=()) for name in "cab"]) == 15 + 1


def test_commands_run_in_this_interpreter(tmp_path):
    Chain(tmp_path).run([Step("which", ("-c", "import sys; print(sys.executable)"), outputs=())])
    assert (tmp_path / "steps" / "which.log").read_text().strip() == sys.executable


def test_steps_that_share_the_machine_overlap_and_one_that_is_alone_waits(tmp_path):
    meet = ("import sys, time, pathlib; mine, other = map(pathlib.Path, sys.argv[1:]); mine.touch()\n"
            "for _ in range(600):\n    if other.exists(): break\n    time.sleep(0.05)\n"
            "else: sys.exit('never met')")
    a, b, last = tmp_path / "a", tmp_path / "b", tmp_path / "last"
    together = [Step("a", ("-c", meet, str(a), str(b)), outputs=(a,), is_alone=False),
                Step("b", ("-c", meet, str(b), str(a)), outputs=(b,), is_alone=False)]
    Chain(tmp_path).run([*together, step(last, "alone", inputs=(a, b))], workers=2)
    assert last.exists()


def test_a_step_waits_for_the_one_whose_output_it_reads(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    slow = Step("slow", ("-c", f"import time; time.sleep(0.3); {WRITE}", str(first)), outputs=(first,),
                is_alone=False)
    copies = "import sys, shutil; shutil.copy(*sys.argv[1:])"
    reads = Step("reads", ("-c", copies, str(first), str(second)), outputs=(second,), inputs=(first,),
                 is_alone=False)
    Chain(tmp_path).run([slow, reads], workers=2)
    assert second.read_text() == "x"


@pytest.mark.parametrize(("cores", "shared"), [(1, 1), (2, 1), (8, 4)])
def test_threads_are_the_share_of_the_cores(tmp_path, monkeypatch, cores, shared):
    monkeypatch.setattr(module, "cores", lambda: cores)
    show = ("-c", "import os; print(os.environ['OMP_NUM_THREADS'])")
    steps = [Step("alone", show, outputs=()), Step("shared", show, outputs=(), is_alone=False)]
    Chain(tmp_path).run(steps, workers=2)
    shown = {name: int((tmp_path / "steps" / f"{name}.log").read_text()) for name in ("alone", "shared")}
    assert shown == {"alone": cores, "shared": shared}


def test_one_core_runs_one_step_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "cores", lambda: 1)
    both = [Step(name, ("-c", "import time; print(time.time()); time.sleep(0.2); print(time.time())"),
                 outputs=(), is_alone=False) for name in ("one", "two")]
    Chain(tmp_path).run(both, workers=2)
    logs = ((tmp_path / "steps" / f"{name}.log").read_text().split() for name in ("one", "two"))
    (_, end), (begin, _) = logs
    assert float(begin) > float(end)
