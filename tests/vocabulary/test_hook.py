from types import SimpleNamespace

import pytest
from mmengine.registry import HOOKS as ROOT_HOOKS
from torch import nn

from clip_plugins.errors import ConfigError, VocabularyError
from clip_plugins.vocabulary import VocabularyHook, dataset_classes, find_open_vocabulary_model


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []

    def set_vocabulary(self, vocabulary):
        self.seen.append(vocabulary.names)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.neck = nn.Sequential(nn.Sequential(Head()))
        self.roi_head = Head()


def loop(*classes):
    dataset = SimpleNamespace(metainfo={"classes": classes})
    return SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))


def runner(model):
    return SimpleNamespace(model=model, train_loop=loop("a"), val_loop=loop("a", "b"), test_loop=loop("c"))


def test_each_phase_gets_the_names_of_its_dataset_and_training_gets_its_own_back():
    run, hook = runner(Head()), VocabularyHook()
    hook.before_train(run)
    hook.before_val(run)
    hook.after_val(run)
    hook.after_train(run)
    hook.before_test(run)
    assert run.model.seen == [("a",), ("a", "b"), ("a",), ("c",)]


def test_a_validation_without_training_touches_no_training_data():
    run, hook = runner(Head()), VocabularyHook()
    del run.train_loop
    hook.before_val(run)
    hook.after_val(run)
    assert run.model.seen == [("a", "b")]


def test_texts_take_the_place_of_the_dataset_at_test():
    run, hook = runner(Head()), VocabularyHook(texts="x, y")
    hook.before_train(run)
    hook.before_test(run)
    assert run.model.seen == [("a",), ("x", "y")]


def test_prompts_go_to_the_model():
    got = []
    model = Head()
    model.set_vocabulary = got.append
    VocabularyHook(prompts="vild63").before_test(runner(model))
    assert len(got[0].prompts.templates) == 63


def test_a_chance_seed_gives_the_same_random_directions_to_the_same_names():
    given = []
    head = Head()
    head.embed_dim, head.set_vocabulary = 8, given.append
    for seed in (0, 0, 1):
        VocabularyHook(texts="x, y", chance_seed=seed).before_test(runner(head))
    first, again, other = (text.embeddings for text in given)
    assert given[0].names == ("x", "y")
    assert first.equal(again)
    assert not first.equal(other)
    assert first.norm(dim=-1).tolist() == pytest.approx([1, 1])


def test_the_topmost_module_is_found():
    detector = Detector()
    assert find_open_vocabulary_model(detector) is detector.roi_head


def test_a_model_without_vocabulary_is_refused():
    with pytest.raises(ConfigError, match="Linear has no set_vocabulary"):
        find_open_vocabulary_model(nn.Linear(1, 1))


def test_a_dataset_without_classes_is_refused():
    with pytest.raises(VocabularyError, match="metainfo"):
        dataset_classes(SimpleNamespace(metainfo={}))


def test_bad_texts_are_refused_at_construction():
    with pytest.raises(VocabularyError, match="duplicate"):
        VocabularyHook(texts="a, a")


def test_the_hook_is_found_from_any_scope():
    assert ROOT_HOOKS.get("clip_plugins.VocabularyHook") is VocabularyHook


def test_pictures_are_given_at_test_and_not_in_training():
    given = []
    model = Head()
    model.set_vocabulary = given.append
    run, hook = runner(model), VocabularyHook(exemplars={"c": ["c.png"]}, exemplar_weight=1.0)
    hook.before_train(run)
    hook.before_test(run)
    assert given[0].exemplars == () and given[1].exemplars == (("c.png",),)
    assert given[1].exemplar_weight == 1.0


def test_pictures_bring_names_beside_texts_but_not_beside_a_datasets_names():
    assert VocabularyHook(texts="x", exemplars={"y": ["y.png"]}).texts.names == ("x", "y")
    with pytest.raises(VocabularyError, match="pictures of 'y', which the dataset doesn't name"):
        VocabularyHook(exemplars={"y": ["y.png"]}).before_test(runner(Head()))
