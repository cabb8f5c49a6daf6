"""Adapter of `vild-prompts`: filled templates and class embeddings from stored text features."""
from torch import Tensor

from clip_plugins.vocabulary import PromptSet, average_prompts
from clip_plugins.vocabulary.prompts import find_prompt_set
from tests.parity.harness import Case, Outputs, Row


def prompts(case: Case) -> Outputs:
    """Class embeddings of the three sub-cases from their raw text features."""
    counts = case["in.synonyms.counts"].tolist()
    synonyms = {reading: average_prompts(case["in.synonyms.raw"], counts, reading)
                for reading in ("flat_mean", "mean_of_class_embeddings")}
    return {
        "out.mean.class_embeddings": _class_embeddings(case["in.mean.raw"]),
        "out.single.class_embeddings": _class_embeddings(case["in.single.raw"]),
        "out.synonyms.flat_mean": synonyms["flat_mean"],
        "out.synonyms.mean_of_class_embeddings": synonyms["mean_of_class_embeddings"],
    }


def accept_prompts(case: Case, outputs: Outputs) -> list[Row]:
    """A row for each group of filled texts: the number of names whose texts differ, 0 wanted."""
    vild = find_prompt_set("vild63")
    plain = PromptSet(vild.templates, cleans_name=True)
    ours = {
        "multi_this_is": vild.fill,
        "multi_plain": lambda name: plain.fill(name)[:8] + plain.fill(name)[-4:],
        "single_this_is": lambda name: find_prompt_set("vild1").fill(name),
        "single_plain": lambda name: PromptSet(case.config["single_template"], cleans_name=True).fill(name),
    }
    rows = []
    for group, texts in case.meta["texts"].items():
        wrong = sum(_as_list(expected) != ours[group](name) for name, expected in texts.items())
        rows.append(Row(f"texts.{group}", float(wrong), "exact", wrong == 0))
    return rows


def _class_embeddings(raw: Tensor) -> Tensor:
    return average_prompts(raw, [1] * len(raw))


def _as_list(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts
