"""Train the model of a config.

example:
  python tools/train.py configs/vild/vild-text_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py --seed 1
"""
import argparse
import os
import sys
from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; nothing heavy is imported before it is known to be right."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir",
                        help="folder for logs and checkpoints (default: work_dirs/<config name>)")
    parser.add_argument("--amp", action="store_true", help="automatic mixed precision (CUDA)")
    parser.add_argument("--resume", nargs="?", const=True, default=False, metavar="CHECKPOINT",
                        help="resume from the newest checkpoint of the work folder, or from the one given")
    parser.add_argument("--seed", type=int, help="replaces the config's seed")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE",
                        help="overrides, e.g. optim_wrapper.optimizer.lr=0.01 train_cfg.max_iters=100")
    parser.add_argument("--safe-config", action="store_true",
                        help="for configs of strangers: JSON or YAML that names only what is registered")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    parser.add_argument("--local-rank", "--local_rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool and give its exit code."""
    args = parse_arguments(arguments)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    from clip_plugins.cli import door, load_config, train

    def work() -> None:
        config = load_config(args.config, args.cfg_options, is_safe=args.safe_config)
        train(config, work_dir=args.work_dir, amp=args.amp, resume=args.resume, seed=args.seed,
              launcher=args.launcher)
    return door(work, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
