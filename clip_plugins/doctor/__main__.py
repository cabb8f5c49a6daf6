"""Look at this environment and say what is wrong and how to cure it.

Exit code: 0 where all is well, 1 where there is trouble, 2 for a wrong command line.

examples:
  python -m clip_plugins.doctor
  python -m clip_plugins.doctor --config my_faster_rcnn.py
  python -m clip_plugins.doctor --parts stack operators
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from clip_plugins.doctor.devices import read_devices
from clip_plugins.doctor.findings import look, report
from clip_plugins.doctor.operators import read_imports, read_operators
from clip_plugins.doctor.stack import read_stack
from clip_plugins.doctor.weights import read_shipped, read_weights_of

PARTS = {"stack": read_stack, "operators": read_operators, "devices": read_devices, "weights": read_shipped,
         "imports": read_imports}


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine and print; 1 where there is trouble."""
    parser = argparse.ArgumentParser(prog="python -m clip_plugins.doctor", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", help="also look for the weights that this config asks for (a config is a "
                                         "program: name only one that you would run)")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=tuple(PARTS),
                        help="what to look at (default: everything)")
    args = parser.parse_args(arguments)
    parts = [look(title, PARTS[title]) for title in PARTS if title in args.parts]
    if args.config:
        parts.append(look("weights of the config", lambda part: read_weights_of(part, args.config)))
    sys.stdout.write(f"{report(parts)}\n")
    return int(any(part.troubles for part in parts))


if __name__ == "__main__":
    sys.exit(main())
