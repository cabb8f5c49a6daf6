"""The one way in which every tool ends: an exit code, and one sentence where the user can cure the error."""
import sys
import traceback
from collections.abc import Callable

from clip_plugins.cli.translation import translate

USER_ERROR = 2
INTERRUPTED = 130  # 128 + SIGINT, what shells expect


def door(work: Callable[[], int | None], debug: bool = False) -> int:
    """Run a tool's work and give the process' exit code.

    Args:
        work: the tool's work without arguments; its own exit code, or None for 0.
        debug: show the traceback of an error that a user can cause, too.
    Returns:
        0 or `work`'s own code; 2 after an error that a user can cause, told in one sentence on stderr; 130
        after Ctrl-C. Any other exception is a defect of ours and passes through with its traceback.

    Example:
        `sys.exit(door(lambda: run(arguments), debug=arguments.debug))`
    """
    try:
        return int(work() or 0)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is kept\n")
        return INTERRUPTED
    except Exception as error:
        told = translate(error)
        if told is None:
            raise
        if debug:
            traceback.print_exception(error)
        sys.stderr.write(f"error: {told}\n")
        return USER_ERROR
