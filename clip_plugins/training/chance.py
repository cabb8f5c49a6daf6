"""Chance that depends on the place in a training alone, not on what was drawn before."""
from __future__ import annotations

import random

import numpy as np
import torch

DATA, MODEL = 0, 1  # streams of chance: what a batch is made of, and what a step does with it


def seed_chance(stream: int, seed: int, rank: int, number: int) -> None:
    """Seed Python, NumPy and torch (CPU, and the GPUs in use) for one batch or one step.

    Whoever resumes at that place draws the same numbers, without a stored state: another count of workers, a
    validation in between or a restart change nothing.

    Args:
        stream: `DATA` or `MODEL`.
        seed: of the run.
        rank: of the process.
        number: of the step, from 0 over the whole training.
    """
    words = np.random.SeedSequence((stream, seed, rank, number)).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    value = int(words[2]) << 32 | int(words[3])
    torch.default_generator.manual_seed(value)  # `torch.manual_seed` formats a stack for absent GPUs
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(value)
