import json
from dataclasses import replace
from pathlib import Path

import pytest

from clip_plugins.errors import VocabularyError
from clip_plugins.vocabulary import Vocabulary


def names(source, **options):
    return Vocabulary.load(source, **options).names


@pytest.mark.parametrize("source", [
    ["red star", "blue ring"],
    "red star, blue  ring",
    {"classes": ("red star", "blue ring"), "palette": [(0, 0, 0)]},
    {"categories": [{"id": 3, "name": "red star"}, {"id": 7, "name": "blue ring"}], "images": []},
])
def test_names_come_from_lists_texts_and_metainfo(source):
    assert names(source) == ("red star", "blue ring")


@pytest.mark.parametrize(("file", "text"), [
    ("n.txt", "# a comment\nred star\n\n  blue ring  \n"),
    ("n.json", '["red star", "blue ring"]'),
    ("n.yaml", "- red star\n- blue ring\n"),
    ("n.yml", "names: [red star, blue ring]\nsynonyms: {red star: [scarlet star]}\n"),
    ("n.json", '{"categories": [{"id": 1, "name": "red star"}, {"id": 2, "name": "blue ring"}]}'),
])
def test_names_come_from_files(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    assert names(str(tmp_path / file)) == ("red star", "blue ring")
    assert names(tmp_path / file) == ("red star", "blue ring")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    (tmp_path / "n.txt").write_text("star\n", encoding="utf-8-sig")
    assert names(tmp_path / "n.txt") == ("star",)


@pytest.mark.parametrize(("file", "content", "message"), [
    ("n.json", b"[", "damaged"),
    ("n.yaml", b"a: [", "damaged"),
    ("n.txt", b"\xff\xfe\xff", "UTF-8"),
    ("n.json", b'{"labels": []}', "none of names"),
    ("n.json", b'"star"', "is no vocabulary"),
    ("n.txt", b"", "no names"),
])
def test_files_that_hold_something_else_are_refused(tmp_path, file, content, message):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(VocabularyError, match=message):
        names(tmp_path / file)


def test_a_missing_file_is_told():
    with pytest.raises(VocabularyError, match=r"nowhere\.txt can't be read"):
        names("nowhere.txt")


def test_all_duplicates_are_listed_with_their_places():
    with pytest.raises(VocabularyError, match=r"2 duplicate.*'a' at 0 and 2, 'b c' at 1 and 3"):
        names(["a", "b c", "a", "b  c"])


def test_duplicates_are_merged_on_request():
    assert names("a, b, a", merge_duplicates=True) == ("a", "b")


@pytest.mark.parametrize(("bad", "message"), [
    (["a", "", " "], "2 of the names are empty.*'' at 1, ' ' at 2"),
    (["a", None, 3], "2 of the names aren't text.*None at 1, 3 at 2"),
    (["a", "\u200b\u200d", "\x07"], "2 of the names have no tokens"),
    ([], "no names"),
])
def test_bad_names_are_listed(bad, message):
    with pytest.raises(VocabularyError, match=message):
        Vocabulary(bad)


def test_yaml_words_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "n.yaml").write_text("- yes\n- cat\n")
    with pytest.raises(VocabularyError, match=r"True at 0.*quote"):
        names(tmp_path / "n.yaml")


@pytest.mark.parametrize("name", ["猫", "café", "Ελλάδα", "🎉", "???"])
def test_names_in_any_script_are_fine(name):
    assert names([name]) == (name,)


def test_a_text_is_no_list_of_letters():
    with pytest.raises(VocabularyError, match=r"Vocabulary\.load"):
        Vocabulary("cat")


def test_synonyms_belong_to_their_names():
    vocabulary = Vocabulary(["cat", "dog"], synonyms={"dog": ["hound", "dog"]})
    assert vocabulary.words(0) == ("cat",) and vocabulary.words(1) == ("dog", "hound")
    assert Vocabulary(["cat"], synonyms=[["kitty"]]).words(0) == ("cat", "kitty")


@pytest.mark.parametrize("values", [
    {"synonyms": {"cow": ["ox"]}}, {"synonyms": [["a"], ["b"]]}, {"synonyms": {"cat": [""]}},
    {"thresholds": [0.1, 0.2]}, {"thresholds": {}}, {"background": " "},
])
def test_what_belongs_to_no_name_is_refused(values):
    with pytest.raises(VocabularyError):
        Vocabulary(["cat"], **values)


def test_thresholds_are_numbers_a_name():
    assert Vocabulary(["cat", "dog"], thresholds={"dog": 1, "cat": 0.5}).thresholds == (0.5, 1.0)


def test_prompts_of_the_source_can_be_overridden(tmp_path):
    (tmp_path / "n.json").write_text(json.dumps({"names": ["cat"], "prompts": "vild63"}))
    assert len(Vocabulary.load(tmp_path / "n.json").prompts.templates) == 63
    assert len(Vocabulary.load(tmp_path / "n.json", prompts="bare").prompts.templates) == 1


def test_an_unknown_field_is_refused():
    with pytest.raises(VocabularyError, match="has no colour"):
        Vocabulary.load({"names": ["cat"], "colour": "red"})


def test_equal_vocabularies_are_equal_and_hashable():
    assert len({Vocabulary(["cat"]), Vocabulary(("cat",)), Vocabulary(["cat"], prompts="bare")}) == 2


def test_a_saved_vocabulary_is_read_back_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = Vocabulary(
        ["mug", "größe ♥", "no"], synonyms={"mug": ["cup"]}, prompts="vild63", background="nothing",
        thresholds={"mug": 0.5}, shared_threshold=0.25, exemplars={"mug": ["pictures/mug.png"]},
        negatives=["a shadow"], exemplar_weight=1.0)
    for file in ("deeper/v.yaml", "v.json"):
        whole.save(file)
        again = Vocabulary.load(file)
        paths = [str(Path(path).resolve()) for path in again.exemplars[0]]
        assert paths == [str(tmp_path / "pictures/mug.png")]
        assert replace(again, exemplars=whole.exemplars) == whole


def test_own_templates_are_saved_as_they_are(tmp_path):
    Vocabulary(["a"], prompts=["my {}", "{article} {}"]).save(tmp_path / "v.yaml")
    assert Vocabulary.load(tmp_path / "v.yaml").prompts.templates == ("my {}", "{article} {}")


def test_exemplars_of_a_file_lie_beside_it(tmp_path):
    (tmp_path / "v.yaml").write_text("names: [mug, cup]\nexemplars: {mug: mug.png}\n")
    assert Vocabulary.load(tmp_path / "v.yaml").exemplars == ((str(tmp_path / "mug.png"),), ())


def test_pictures_may_bring_names_and_keep_the_rest():
    before = Vocabulary(["a", "b"], synonyms={"a": ["x"]}, thresholds=[0.1, 0.2], shared_threshold=0.3)
    after = before.with_exemplars({"c": ["c.png"], "b": ["b.png"]}, weight=1)
    assert after.names == ("a", "b", "c") and after.thresholds == (0.1, 0.2, 0.3)
    assert after.exemplars == ((), ("b.png",), ("c.png",)) and after.words(0) == ("a", "x")
    assert after.exemplar_weight == 1


def test_a_new_name_without_any_threshold_is_refused():
    with pytest.raises(VocabularyError, match="no threshold for 'c'"):
        Vocabulary(["a"], thresholds=[0.1]).with_exemplars({"c": ["c.png"]})


def test_a_shared_threshold_alone_is_every_names():
    assert Vocabulary(["a", "b"], shared_threshold=0.3).thresholds == (0.3, 0.3)


@pytest.mark.parametrize(("options", "said"), [
    ({"negatives": ["a"]}, "'a' can't be name and negative"),
    ({"negatives": [" "]}, "negatives are empty"),
    ({"exemplar_weight": 0}, "exemplar_weight is 0"),
    ({"exemplar_weight": 1.5}, "at most 1"),
    ({"thresholds": ["high", 0.1]}, "'high' of 'a'"),
    ({"thresholds": [float("nan"), 0.1]}, "nan of 'a'"),
    ({"thresholds": [-1, 0.1]}, "-1 of 'a'"),
    ({"thresholds": {"c": 0.1}}, "thresholds for unknown names: 'c'"),
])
def test_what_makes_no_sense_is_refused(options, said):
    with pytest.raises(VocabularyError, match=said):
        Vocabulary(["a", "b"], **options)


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(VocabularyError, match=r"write \.yaml or \.json"):
        Vocabulary(["a"]).save(tmp_path / "v.txt")
