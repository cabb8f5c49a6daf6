"""The installed stack as it is: missing mmcv operators, safe checkpoint loading."""
