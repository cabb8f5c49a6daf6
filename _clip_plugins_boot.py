"""Answer for `mmcv._ext` where mmcv was installed without compiled operators.

Runs at the start of every Python of the environment (one `.pth` line), so it imports only `os` and `sys`.
The finder stands last on `sys.meta_path`: a compiled extension is always found first.
"""
import os
import sys


class StandInFinder:
    """Finds the stand-in for the one module `mmcv._ext`."""

    def find_spec(self, name, path=None, target=None):  # noqa: ANN001
        """The module's spec, read beside this file without importing `clip_plugins`; None for other names."""
        if name != "mmcv._ext":
            return None
        from importlib.util import spec_from_file_location
        root = os.path.dirname(os.path.abspath(__file__))
        folder = os.path.join(root, "clip_plugins", "compat", "mmcv_ext")
        file = os.path.join(folder, "__init__.py")
        return spec_from_file_location(name, file, submodule_search_locations=[folder])


FINDER = StandInFinder()


def install():
    """Append the finder to `sys.meta_path`, once."""
    if FINDER not in sys.meta_path:
        sys.meta_path.append(FINDER)


install()
