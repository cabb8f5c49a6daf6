import json
import random
import sys
import tarfile
from io import BytesIO
from types import ModuleType

import numpy as np
import pytest
from mmengine.dataset import default_collate
from PIL import Image

from clip_plugins.datasets.nouns import (
    CaptionsWithNouns,
    NounsInText,
    NounsOfFile,
    NounsOfShard,
    TaggedNouns,
    kept_words,
    noun_prompts,
)
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.vocabulary import PromptSet

TWO = PromptSet(("a {}.", "the {}."))


def rng(seed: int = 0) -> np.random.RandomState:
    return np.random.RandomState(seed)


def test_nouns_and_verbs_are_kept_but_no_plural_proper_nouns():
    tagged = [("the", "DT"), ("Smiths", "NNPS"), ("are", "VBP"), ("dogs", "NNS"), ("blue", "JJ")]
    assert kept_words(tagged) == ("are", "dogs")


def test_prompts_are_templates_filled_with_different_nouns():
    texts, nouns = noun_prompts("a caption", ["dog", "cat", "car", "tree"], 3, TWO, rng())
    assert len(set(nouns)) == 3
    assert all(text in (f"a {noun}.", f"the {noun}.") for text, noun in zip(texts, nouns))


def test_the_caption_fills_missing_prompts():
    texts, nouns = noun_prompts("a caption", ["dog"], 3, TWO, rng())
    assert texts[1:] == ("a caption",) * 2 and nouns == ("dog", "a caption", "a caption")
    assert noun_prompts("a caption", [], 2, TWO, rng()) == (("a caption",) * 2,) * 2
    assert noun_prompts("a caption", ["dog"], 0, TWO, rng()) == ((), ())


def test_names_in_a_text_are_found_longest_first_with_plurals():
    nouns = NounsInText(["hot dog", "dog", "bus"])
    assert nouns("Two Dogs ate a hot dog beside buses, not dogma", {}) == ("dog", "hot dog", "bus")


def captions(folder, rows) -> str:
    path = folder / "captions.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


def test_a_files_nouns_are_all_names_of_the_picture(tmp_path):
    path = captions(tmp_path, [{"file": "1.png", "caption": "a star"}, {"file": "1.png", "name": "red star"},
                               {"file": "2.png", "nouns": ["dog", "car"]}])
    nouns = NounsOfFile(path)
    assert nouns("a star", {"file": "1.png"}) == ("red star",)
    assert nouns("", {"file": "2.png"}) == ("dog", "car") and nouns("", {"file": "3.png"}) == ()


def test_files_without_nouns_or_damaged_ones_are_refused(tmp_path):
    with pytest.raises(DataError, match="neither nouns nor names"):
        NounsOfFile(captions(tmp_path, [{"file": "1.png", "caption": "a star"}]))
    (tmp_path / "captions.jsonl").write_text("{")
    with pytest.raises(DataError, match="can't be read as rows"):
        NounsOfFile(str(tmp_path / "captions.jsonl"))


def test_tab_separated_pairs_come_with_their_nouns(tmp_path):
    rows = (("file", "caption", "nouns"), ("1.png", "A dog in a car", "dog, car"), ("2.png", "So", ""))
    (tmp_path / "pairs.tsv").write_text("\n".join("\t".join(row) for row in rows))
    for name in ("1.png", "2.png"):
        Image.new("RGB", (20, 16), "red").save(tmp_path / name)
    pairs = {"type": "clip_plugins.ImageTextDataset", "data_root": f"{tmp_path}/", "ann_file": "pairs.tsv",
             "images": "", "size": 16}
    for nouns in ({"type": "clip_plugins.NounsOfFile", "ann_file": str(tmp_path / "pairs.tsv")},
                  {"type": "clip_plugins.NounsInText", "names": ["dog", "car"]}):
        first, second = (CaptionsWithNouns(pairs, nouns)[index]["data_samples"] for index in range(2))
        assert first.nouns == ("dog", "car") and second.nouns == ()
        assert second.prompts == ("So",) * 3


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, BytesIO(content))


def shard(folder) -> None:
    picture = BytesIO()
    Image.new("RGB", (20, 16), "red").save(picture, "JPEG")
    with tarfile.open(folder / "0.tar", "w") as archive:
        for key, about in (("a", {"caption": "a dog runs", "nouns": ["dog", "runs"]}),
                           ("b", {"caption": "so"})):
            add(archive, f"{key}.jpg", picture.getvalue())
            add(archive, f"{key}.json", json.dumps(about).encode())


def of_shards(folder, **options) -> CaptionsWithNouns:
    return CaptionsWithNouns({"type": "clip_plugins.WebImageTextDataset", "shards": "*.tar",
                              "data_root": str(folder), "size": 8}, {"type": "clip_plugins.NounsOfShard"},
                             **options)


def test_shards_give_captions_with_nouns_and_without(tmp_path):
    shard(tmp_path)
    random.seed(0)
    dataset = of_shards(tmp_path, max_prompts=2, prompts=["a {}."], classes=["dog"])
    first, second = (dataset[index]["data_samples"] for index in range(2))
    assert first.nouns == ("dog", "runs") and sorted(first.prompts) == ["a dog.", "a runs."]
    assert second.nouns == () and second.prompts == ("so", "so")
    assert dataset.metainfo["classes"] == ("dog",) and len(dataset) == 2


def test_a_shard_cut_short_is_refused(tmp_path):
    shard(tmp_path)
    whole = (tmp_path / "0.tar").read_bytes()
    (tmp_path / "0.tar").write_bytes(whole[:700])
    with pytest.raises(DataError, match="no whole uncompressed tar file"):
        of_shards(tmp_path)


def test_samples_collate_with_different_numbers_of_nouns(tmp_path):
    shard(tmp_path)
    dataset = of_shards(tmp_path)
    batch = default_collate([dataset[0], dataset[1]])
    assert batch["inputs"].shape == (2, 3, 8, 8) and len(batch["data_samples"]) == 2


def test_another_field_of_a_shard_may_hold_the_nouns(tmp_path):
    shard(tmp_path)
    dataset = of_shards(tmp_path)
    assert NounsOfShard("caption_words")("", dataset.get_data_info(0)) == ()


def test_a_tagger_that_is_missing_is_told_with_the_cure(monkeypatch):
    monkeypatch.setattr("clip_plugins.datasets.nouns.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install nltk"):
        TaggedNouns()


@pytest.fixture
def tagger(monkeypatch) -> ModuleType:
    """Stands in for NLTK, which isn't required."""
    nltk = ModuleType("nltk")
    nltk.word_tokenize = str.split
    nltk.pos_tag = lambda words: [(word, "NN" if word == "dog" else "DT") for word in words]
    monkeypatch.setitem(sys.modules, "nltk", nltk)
    monkeypatch.setattr("clip_plugins.datasets.nouns.find_spec", lambda name: nltk)
    return nltk


def test_a_tagger_finds_nouns_in_captions(tagger):
    assert TaggedNouns()("a dog sees the dog", {}) == ("dog", "dog")


def test_a_tagger_without_its_data_is_told_with_the_cure(tagger):
    def missing(words: list) -> list:
        raise LookupError("no data")
    tagger.pos_tag = missing
    with pytest.raises(ConfigError, match=r"nltk\.download"):
        TaggedNouns()


def test_a_negative_number_of_prompts_is_refused(tmp_path):
    shard(tmp_path)
    with pytest.raises(ConfigError, match="max_prompts=-1"):
        of_shards(tmp_path, max_prompts=-1)


def test_ov_shapes_scenes_come_with_all_their_names(tiny_ov_shapes):
    path = str(tiny_ov_shapes / "annotations" / "captions.jsonl")
    dataset = CaptionsWithNouns(
        {"type": "clip_plugins.ImageTextDataset", "data_root": f"{tiny_ov_shapes}/", "size": 160,
         "ann_file": "annotations/captions.jsonl", "repeats": {"object": 0, "background": 0}},
        {"type": "clip_plugins.NounsOfFile", "ann_file": path})
    sample = dataset[0]
    assert sample["inputs"].shape == (3, 160, 160)
    about = sample["data_samples"]
    assert about.nouns and all(noun in about.caption for noun in about.nouns)
    assert len(about.prompts) == 3
