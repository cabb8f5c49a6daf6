import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError
from clip_plugins.segmentation.dense_store import dense_entry, dense_fields, pooled
from clip_plugins.store import Store, StoreWriter

DRAW = torch.Generator().manual_seed(0)
MAPS = torch.nn.functional.normalize(torch.randn(1, 8, 5, 7, generator=DRAW), dim=1)


@pytest.mark.parametrize(("dtype", "error"), [("fp32", 0), ("fp16", 1e-3), ("int8", 4e-3)])
def test_embeddings_come_back_row_by_row(tmp_path, dtype, error):
    with StoreWriter(tmp_path / "dense", {"kind": "dense"}, dense_fields(8, dtype)) as writer:
        writer.put({"a.png": dense_entry(MAPS[0], (10, 14))})
        writer.complete()
    entry = Store(tmp_path / "dense")["a.png"]
    assert entry["grid"].tolist() == [5, 7] and entry["size"].tolist() == [10, 14]
    back = torch.from_numpy(entry["embeddings"].astype("float32")).T.unflatten(1, (5, 7))
    assert (back - MAPS[0]).abs().max() <= error


def test_pooled_cells_are_unit_means_also_at_the_border():
    cells = pooled(MAPS, 2)
    assert cells.shape == (1, 8, 3, 4)
    expected = torch.nn.functional.normalize(MAPS[0, :, 4:, 6:].flatten(1).mean(1), dim=0)
    torch.testing.assert_close(cells[0, :, 2, 3], expected)
    assert pooled(MAPS, 1) is MAPS


def test_another_dtype_is_refused():
    with pytest.raises(ConfigError, match="dtype"):
        dense_fields(8, "int4")
