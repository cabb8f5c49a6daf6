"""Shared fixtures: where the real data lies, and single-threaded torch."""
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with parity fixtures and real photographs; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared data folder is absent (looked for {SHARED.name}/ beside the project)")
    return SHARED
