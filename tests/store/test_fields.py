import numpy as np
import pytest

from clip_plugins.errors import CacheError, ConfigError, ShapeError
from clip_plugins.store.fields import Field, decode_entry, decode_key, encode_entry, encode_key

FIELDS = {"boxes": Field("float32", (None, 4)), "name": Field("int64", ())}


def test_keys_give_ids_back_and_sort_integers_first_and_in_their_order():
    ids = [-5, 0, 3, 200, 2**40, "2", "a b/ü"]
    keys = [encode_key(identifier) for identifier in ids]
    assert [decode_key(key) for key in keys] == ids
    assert sorted(keys) == keys


@pytest.mark.parametrize("identifier", ["", "x" * 511, 2**63, 1.5, None, True])
def test_what_cannot_be_an_id_is_refused(identifier):
    with pytest.raises(ConfigError, match="can't be an id"):
        encode_key(identifier)


def test_entries_come_back_equal_and_writable():
    boxes = np.arange(8, dtype=np.float32).reshape(2, 4)
    entry = encode_entry(b"k", {"boxes": boxes, "name": np.int64(7)}, FIELDS)
    arrays = decode_entry(b"k", entry, FIELDS)
    np.testing.assert_array_equal(arrays["boxes"], boxes)
    assert arrays["name"] == 7 and arrays["boxes"].flags.writeable


def test_an_entry_without_rows_comes_back_without_rows():
    entry = encode_entry(b"k", {"boxes": np.zeros((0, 4)), "name": 1}, FIELDS)
    assert decode_entry(b"k", entry, FIELDS)["boxes"].shape == (0, 4)


def test_int8_rows_lose_at_most_half_a_step_of_their_own_scale():
    rows = np.array([[1.0, -0.5, 0.003], [100.0, 40.0, -99.0], [0, 0, 0]], np.float32)
    fields = {"rows": Field("float32", (None, 3), "int8")}
    back = decode_entry(b"k", encode_entry(b"k", {"rows": rows}, fields), fields)["rows"]
    step = np.abs(rows).max(axis=1, keepdims=True) / 127
    assert (np.abs(back - rows) <= step / 2 + 1e-7).all()
    assert back[0, 0] == pytest.approx(1.0) and (back[2] == 0).all()


def test_half_precision_takes_a_quarter_of_double_and_single_is_rounded_to_it():
    fields = {"rows": Field("float16", (None, 2))}
    back = decode_entry(b"k", encode_entry(b"k", {"rows": np.float32([[1 / 3, 2]])}, fields), fields)["rows"]
    assert back.dtype == np.float16 and back[0, 0] == np.float16(1 / 3)


@pytest.mark.parametrize("bit", range(0, 45 * 8, 7))
def test_each_flipped_bit_is_noticed(bit):
    entry = bytearray(encode_entry(b"ik", {"boxes": np.ones((2, 4)), "name": 7}, FIELDS))
    entry[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CacheError, match="damaged"):
        decode_entry(encode_key(3), bytes(entry), FIELDS)


def test_an_entry_under_a_foreign_key_is_noticed():
    entry = encode_entry(encode_key(1), {"boxes": np.ones((2, 4)), "name": 7}, FIELDS)
    with pytest.raises(CacheError, match="entry 2 is damaged"):
        decode_entry(encode_key(2), entry, FIELDS)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"boxes": np.ones((2, 5)), "name": 1}, r"\(2, 5\), but the store holds \(None, 4\)"),
        ({"boxes": np.ones((2, 4)), "name": 1.5}, "'name' is float64, but the store holds int64"),
        ({"boxes": np.ones((2, 4))}, r"fields \['boxes'\], but the store holds \['boxes', 'name'\]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_both_forms(arrays, message):
    with pytest.raises(ShapeError, match=message):
        encode_entry(b"k", arrays, FIELDS)


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ConfigError, match="'int4'"):
        Field("float32", (None, 4), "int4")
