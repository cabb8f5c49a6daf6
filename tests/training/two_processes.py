"""Run by torchrun: trains as a whole, killed, and resumed; each process writes what it saw and learned."""
import json
import sys
from pathlib import Path

from mmengine.dist import get_rank

from tests.training.toy import build_runner, kill


def learned(runner) -> dict:
    """Samples in their order, and parameters as exact text."""
    model = runner.model.module
    return {"seen": model.seen, "parameters": [parameter.tolist() for parameter in model.parameters()]}


def main() -> None:
    """Write `rank<N>.json`."""
    folder = Path(sys.argv[1])
    whole = build_runner(folder / "whole", launcher="pytorch")
    whole.train()
    kill(build_runner(folder / "killed", launcher="pytorch"), 5)
    resumed = build_runner(folder / "killed", launcher="pytorch", resume=True)
    resumed.train()
    (folder / f"rank{get_rank()}.json").write_text(json.dumps([learned(whole), learned(resumed)]))


if __name__ == "__main__":
    main()
