import time

from clip_plugins.cli.throughput import Throughput


def test_the_first_batch_is_not_counted():
    hook = Throughput()
    hook.after_test_iter(None, 0, outputs=["a", "b"])
    assert hook.images_per_second is None
    time.sleep(0.01)
    hook.after_test_iter(None, 1, outputs=["c"])
    assert hook.images == 1
    assert 0 < hook.images_per_second < 101
