"""What every sketch config shares: no training loop, so neither hooks nor dataloaders."""
default_scope = "mmengine"
custom_imports = dict(imports=["clip_plugins"], allow_failed_imports=False)
runner_type = "clip_plugins.SketchRunner"
randomness = dict(seed=0)
seeds = 3  # optimised as one batch; the best is kept
strokes = 16
