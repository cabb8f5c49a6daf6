import sys
from pathlib import Path

import pytest

from clip_plugins.cli.steps import Chain, Step, StepError

WRITE = "import sys; open(sys.argv[1], 'a').write('x')"


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


def test_commands_run_in_this_interpreter(tmp_path):
    Chain(tmp_path).run([Step("which", ("-c", "import sys; print(sys.executable)"), outputs=())])
    assert (tmp_path / "steps" / "which.log").read_text().strip() == sys.executable
