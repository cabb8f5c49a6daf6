from clip_plugins.cli import ov_shapes
from clip_plugins.cli.steps import Step

COPY = "import sys; open(sys.argv[1], 'w').write(open(sys.argv[2]).read() + sys.argv[3])"


def test_a_job_runs_on_the_generated_benchmark_and_tells_its_minutes(tmp_path, monkeypatch):
    data, trained = tmp_path / "data", tmp_path / "trained"
    prepare = Step("generate", ("-c", COPY, str(data), "/dev/null", "scenes"), outputs=(data,))
    monkeypatch.setattr(ov_shapes, "prepare_step", lambda: prepare)
    train = Step("train", ("-c", COPY, str(trained), str(data), ", weights"), (trained,), inputs=(data,))
    minutes = ov_shapes.run_on_ov_shapes(tmp_path / "job", [train])
    assert trained.read_text() == "scenes, weights" and 0 < minutes < 1
