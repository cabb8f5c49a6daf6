import clip_plugins  # noqa: F401  (answers for mmcv._ext before the tests import mmcv.ops)
