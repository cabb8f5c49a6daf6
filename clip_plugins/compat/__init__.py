"""The installed stack as it is: missing mmcv operators, safe checkpoint loading."""

__all__ = ["install"]


def install() -> None:
    """Answer for `mmcv._ext` where mmcv lacks compiled operators; may be called again, imports no library."""
    import _clip_plugins_boot

    _clip_plugins_boot.install()
