"""Every stored case that has an adapter, one test a folder."""
from pathlib import Path

import pytest

from tests.parity.harness import NotImplementedCase, check, find_case

ROOT = Path(__file__).resolve().parents[2].parent / "shared" / "parity"


def _implemented() -> list[str]:
    names = sorted(folder.parent.name for folder in ROOT.glob("*/case.json"))
    return [name for name in names if _has_case(name)]


def _has_case(name: str) -> bool:
    try:
        find_case(name)
    except NotImplementedCase:
        return False
    return True


FOLDERS = _implemented()


@pytest.mark.skipif(not ROOT.is_dir(), reason="the shared folder with the parity cases is absent")
@pytest.mark.parametrize("folder", FOLDERS)
def test_outputs_and_gradients_equal_those_of_the_official_code(folder):
    misses = [row for row in check(ROOT / folder) if not row.ok]
    assert not misses, "\n".join(f"{row.name}: {row.worst:.3g}, allowed {row.tolerance}" for row in misses)
