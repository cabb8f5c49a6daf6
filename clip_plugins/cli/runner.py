"""From a config to a runner, on one process or several, with or without a GPU."""
import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from clip_plugins.errors import ConfigError


def build_runner(config: Config) -> Runner:
    """The runner that the config asks for (`runner_type`), else mmengine's own.

    Raises:
        ConfigError: a part of the runner is given without its partners.
    """
    try:
        return RUNNERS.build(config) if "runner_type" in config else Runner.from_cfg(config)
    except ValueError as error:
        if "either all None or not None" in str(error) or "should be either" in str(error):
            raise ConfigError(f"the config is incomplete: {' '.join(str(error).split())[:300]}") from error
        raise


def set_mixed_precision(config: Config) -> None:
    """Train with automatic mixed precision.

    Raises:
        ConfigError: there is no GPU, or the config's wrapper can't be replaced.
    """
    if not torch.cuda.is_available():
        raise ConfigError("--amp needs a CUDA GPU and none was found; leave it out")
    wrapper = config.get("optim_wrapper")
    if wrapper is None or wrapper.get("type", "OptimWrapper") not in ("OptimWrapper", "AmpOptimWrapper"):
        kind = wrapper and wrapper.get("type")
        raise ConfigError(f"--amp can't be combined with optim_wrapper.type={kind!r}; set it in the config")
    wrapper.type = "AmpOptimWrapper"
    wrapper.loss_scale = "dynamic"
