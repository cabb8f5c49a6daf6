import gzip

from open_clip.tokenizer import SimpleTokenizer

from clip_plugins.encoders.merges import FIRST_MERGES, SHIPPED, WORDS, select_merges, split_word, write_merges


def test_the_lowest_merge_goes_first():
    ranks = {("b", "c</w>"): 0, ("a", "b"): 1}
    assert split_word("abc", ranks) == (["a", "bc</w>"], [("b", "c</w>")])


def test_splitting_agrees_with_open_clip():
    tokenizer = SimpleTokenizer()
    for word in ("triangle", "hourglass", "cyan", "aaaa", "x"):
        assert " ".join(split_word(word, tokenizer.bpe_ranks)[0]) == tokenizer.bpe(word)


def test_words_that_clip_splits_get_merges_at_the_end():
    chosen = select_merges(["cyan"], first=0)
    assert chosen[-1] == ("cy", "an</w>")
    assert split_word("cyan", {merge: rank for rank, merge in enumerate(chosen)})[0] == ["cyan</w>"]


def test_merges_keep_their_order():
    ranks = SimpleTokenizer().bpe_ranks
    known = [ranks[merge] for merge in select_merges(["star", "crescent"], first=10) if merge in ranks]
    assert known == sorted(known) and known[:10] == list(range(10))


def test_the_shipped_file_is_what_the_function_writes(tmp_path):
    chosen = select_merges(dict.fromkeys(WORDS.split()), FIRST_MERGES)
    write_merges(chosen, tmp_path / "merges.gz")
    assert gzip.decompress((tmp_path / "merges.gz").read_bytes()) == gzip.decompress(SHIPPED.read_bytes())
