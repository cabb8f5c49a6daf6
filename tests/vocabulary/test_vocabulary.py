import json

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
