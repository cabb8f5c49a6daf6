"""Training that survives: whole checkpoints, exact resuming, no step on a loss that isn't a number."""
from clip_plugins.training.autocast import AutocastOptimWrapper
from clip_plugins.training.checkpoints import DurableCheckpointHook
from clip_plugins.training.loops import ResumableEpochLoop, ResumableIterLoop
from clip_plugins.training.muon import Muon
from clip_plugins.training.not_a_number import StopOnNaNHook

__all__ = ["AutocastOptimWrapper", "DurableCheckpointHook", "Muon", "ResumableEpochLoop", "ResumableIterLoop",
           "StopOnNaNHook"]
