import pytest

from clip_plugins.errors import ConfigError, DataError
from clip_plugins.proposals.cache import CacheRecipe, fingerprint_config, fingerprint_file


def test_a_recipe_that_differs_has_another_fingerprint():
    plain = CacheRecipe().fingerprint()
    for change in ({"max_proposals": 20}, {"nms_iou": 0.5}, {"scales": (1,)}, {"crop": "warp"},
                   {"dtype": "int8"}, {"images_per_group": 8}, {"batch_size": 64}):  # fmt: skip
        assert CacheRecipe(**change).fingerprint() != plain
    assert plain["scales"] == "1 1.5"


@pytest.mark.parametrize("dtype, stored, encoding", [
    ("fp32", "float32", "raw"), ("fp16", "float16", "raw"), ("int8", "float32", "int8"),
])  # fmt: skip
def test_fields_follow_the_dtype(dtype, stored, encoding):
    fields = CacheRecipe(dtype=dtype).fields(512)
    assert fields["boxes"].shape == (None, 4) and fields["scores"].shape == (None,)
    embeddings = fields["embeddings"]
    assert (embeddings.dtype, embeddings.shape, embeddings.encoding) == (stored, (None, 512), encoding)


@pytest.mark.parametrize("change", [
    {"max_proposals": 0}, {"nms_iou": 0}, {"nms_iou": 1.5}, {"scales": ()}, {"scales": (0,)},
    {"crop": "round"}, {"dtype": "fp8"}, {"images_per_group": 0}, {"batch_size": 0},
])  # fmt: skip
def test_values_out_of_range_are_refused_by_name(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        CacheRecipe(**change)


def test_files_are_told_by_content(tmp_path):
    (tmp_path / "a").write_text("abc")
    assert fingerprint_file(tmp_path / "a") == "ba7816bf8f01cfea"  # FIPS 180-2, SHA-256 of "abc"
    with pytest.raises(DataError, match="can't be read"):
        fingerprint_file(tmp_path / "b")


def test_configs_are_told_by_content_and_not_by_order():
    assert fingerprint_config({"a": 1, "b": [2]}) == fingerprint_config({"b": [2], "a": 1})
    assert fingerprint_config({"a": 1}) != fingerprint_config({"a": 2})
