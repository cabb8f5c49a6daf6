import json

import pytest
import torch
from safetensors.torch import save_file

from clip_plugins.errors import DataError
from tests.parity.harness import Case, NotImplementedCase, Row, check, compare, compare_tensor
from tests.parity.tolerance import Tolerance, find_tolerance


def make_case(tensors, **tolerance):
    return Case("toy-case", {}, tensors, {"tolerance": {"default": 0.1, **tolerance}})


def test_a_case_is_read_from_its_two_files(tmp_path):
    folder = tmp_path / "toy-case"
    folder.mkdir()
    save_file({"w.a.weight": torch.ones(2), "out.y": torch.zeros(1)}, folder / "case.safetensors")
    (folder / "case.json").write_text(json.dumps({"config": {"width": 3}, "tolerance": {"default": 0}}))
    case = Case.load(folder)
    assert (case.name, case.config) == ("toy-case", {"width": 3})
    assert list(case.under("w.")) == ["a.weight"]
    assert list(case.expected) == ["out.y"]


def test_a_folder_without_case_is_named(tmp_path):
    with pytest.raises(DataError, match="no parity case"):
        Case.load(tmp_path)


def test_an_error_within_the_tolerance_passes_and_one_above_misses():
    case = make_case({"out.y": torch.tensor([1.0, 2.0])})
    assert compare(case, {"out.y": torch.tensor([1.05, 2.0])})[0].ok
    assert not compare(case, {"out.y": torch.tensor([1.2, 2.0])})[0].ok


def test_missing_and_unknown_names_and_wrong_shapes_miss():
    case = make_case({"out.a": torch.zeros(1), "grad.b": torch.zeros(2), "in.x": torch.zeros(1)})
    rows = compare(case, {"grad.b": torch.zeros(3), "out.c": torch.zeros(1)})
    assert [(row.name, row.ok) for row in rows] == [("grad.b", False), ("out.a", False), ("out.c", False)]


def test_integers_are_compared_exactly_whatever_the_tolerance():
    assert not compare_tensor("out.i", torch.tensor([5]), torch.tensor([6]), Tolerance("10")).ok


def test_nan_equals_only_nan():
    nan = torch.tensor([float("nan")])
    assert compare_tensor("out.x", nan, nan, Tolerance("0")).ok
    assert not compare_tensor("out.x", torch.zeros(1), nan, Tolerance("1")).ok
    assert not compare_tensor("out.x", nan, torch.zeros(1), Tolerance("1")).ok


def test_infinity_equals_itself_only():
    infinity = torch.tensor([float("inf")])
    assert compare_tensor("out.x", infinity, infinity, Tolerance("0")).ok
    assert not compare_tensor("out.x", infinity, -infinity, Tolerance("1")).ok


def test_a_text_acceptance_without_accept_misses_and_an_accepted_row_replaces_the_comparison():
    case = make_case({"out.picture": torch.zeros(1)}, **{"out.picture": "see acceptance"})
    outputs = {"out.picture": torch.ones(1)}
    assert not compare(case, outputs)[0].ok
    row = Row("out.picture", 1.0, "half the pixels", True)
    assert compare(case, outputs, [row]) == [row]


def test_the_most_specific_pattern_wins():
    stated = {"default": 1, "out.*": 2, "*.inds, *.flat": "exact", "out.a.*": 3}
    assert find_tolerance(stated, "grad.x").text == "1"
    assert find_tolerance(stated, "out.b").text == "2"
    assert find_tolerance(stated, "out.a.x").text == "3"
    assert find_tolerance(stated, "grad.flat").text == "exact"


@pytest.mark.parametrize(("text", "allowed"), [
    ("0.001", 1e-3), ("1e-05", 1e-5), ("exact", 0.0), ("equal; if another Pillow is used, 1 level", 0.0),
    ("1e-3 * max(1, max|grad|)", 4e-3),
    ("1e-4 absolute or 1e-3 relative to the tensor's largest entry", 4e-3),
    ("1e-3 absolute (logits are times the temperature)", 1e-3), ("1e-4 of the largest entry", 4e-4),
])
def test_every_form_of_a_tolerance_gives_its_bound(text, allowed):
    bound = Tolerance(text).allowed(torch.tensor([-4.0, 0.5], dtype=torch.double))
    torch.testing.assert_close(bound, torch.full((2,), allowed, dtype=torch.double))


def test_a_relative_tolerance_is_taken_entry_by_entry():
    torch.testing.assert_close(Tolerance("1e-5 relative").allowed(torch.tensor([-4.0, 0.5])),
                               torch.tensor([4e-5, 5e-6]))


def test_an_unknown_form_is_an_error():
    with pytest.raises(DataError, match="roughly"):
        Tolerance("roughly").allowed(torch.zeros(1))


def test_a_method_without_adapter_is_said_to_be_missing(tmp_path):
    folder = tmp_path / "unheard-of"
    folder.mkdir()
    save_file({"out.y": torch.zeros(1)}, folder / "case.safetensors")
    (folder / "case.json").write_text("{}")
    with pytest.raises(NotImplementedCase, match="unheard-of"):
        check(folder)
