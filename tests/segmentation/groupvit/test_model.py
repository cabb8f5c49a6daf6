import pytest
import torch
from torch.nn import functional as F

pytest.importorskip("mmseg")

from mmseg.structures import SegDataSample

from clip_plugins.errors import ConfigError, DataError, VocabularyError
from clip_plugins.files import write_json
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary
from tests.segmentation.groupvit.tiny import NAMES, caption, caption_batch, pixels, tiny_groupvit

BACKGROUND = {"background": {"threshold": 0.2}}


def labels_of(model, images: torch.Tensor, samples=None) -> torch.Tensor:
    return torch.stack([found.pred_sem_seg.data[0] for found in model.predict(images, samples)])


def test_a_training_step_gives_a_gradient_to_every_weight():
    model = tiny_groupvit().train()
    losses = model.loss(pixels(2, 3, 32, 32), caption_batch())
    sum(value for name, value in losses.items() if name.startswith("loss")).backward()
    assert {"loss_contrastive", "loss_multi_label", "logit_scale", "groups_in_use"} == set(losses)
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


def test_the_soft_maximum_trains_on_groups():
    model = tiny_groupvit(train_cfg={"multi_label": {"type": "clip_plugins.SoftMaximumLoss",
                                                     "merge_duplicates": True}}).train()
    losses = model.loss(pixels(2, 3, 32, 32), caption_batch())
    losses["loss_multi_label"].backward()
    assert model.image_tower.positions.grad.abs().sum() > 0


ALL_NAMES = {"multi_label": None, "all_names": {"type": "clip_plugins.AllNamesLoss"}}


def test_an_image_is_told_its_names_from_all_others():
    model = tiny_groupvit(train_cfg=ALL_NAMES).train()
    model.set_vocabulary(NAMES)
    loss = model.loss(pixels(2, 3, 32, 32), caption_batch())["loss_all_names"]
    loss.backward()
    assert loss > 0 and model.image_tower.positions.grad.abs().sum() > 0
    model.set_vocabulary(["red star", "blue ring"])  # what both images contain
    assert model.loss(pixels(2, 3, 32, 32), caption_batch())["loss_all_names"] < loss


def test_names_of_a_frozen_tower_are_encoded_once():
    frozen = tiny_groupvit(text_tower={"type": "clip_plugins.TinyCLIP"})
    learning = tiny_groupvit()
    for model in (frozen, learning):
        model.set_vocabulary(NAMES)
    assert frozen.name_features() is frozen.name_features()
    assert learning.name_features() is not learning.name_features()
    assert learning.name_features().requires_grad
    features = frozen.name_features()
    frozen.set_vocabulary(NAMES[1:])
    torch.testing.assert_close(frozen.name_features(), features[1:], atol=1e-4, rtol=1e-4)


def test_a_loss_over_all_names_needs_names():
    with pytest.raises(ConfigError, match="VocabularyHook"):
        tiny_groupvit(train_cfg=ALL_NAMES).train().loss(pixels(2, 3, 32, 32), caption_batch())


def test_captions_alone_need_no_prompts():
    model = tiny_groupvit(train_cfg={"multi_label": None}).train()
    samples = [caption("a red star", (), ()), caption("a blue ring", (), ())]
    assert "loss_multi_label" not in model.loss(pixels(2, 3, 32, 32), samples)
    assert model.multi_label_logit_scale is None


def test_captions_without_nouns_are_prompted_with_themselves():
    model = tiny_groupvit().train()
    samples = [caption("so very blue", ("so very blue",) * 2, ()), caption_batch()[0]]
    assert torch.isfinite(model.loss(pixels(2, 3, 32, 32), samples)["loss_multi_label"])


def test_one_temperature_may_serve_both_losses():
    model = tiny_groupvit(train_cfg={"multi_label": {"type": "clip_plugins.MultiLabelContrastiveLoss"},
                                     "share_temperature": True})
    assert model.multi_label_logit_scale is None


def test_samples_that_are_no_captions_are_refused():
    model = tiny_groupvit().train()
    with pytest.raises(DataError, match="no caption and prompts"):
        model.loss(pixels(1, 3, 32, 32), [SegDataSample()])
    with pytest.raises(DataError, match=r"\[1, 2\] prompts"):
        model.loss(pixels(2, 3, 32, 32), [caption("a", ("a",), ()), caption_batch()[0]])


@pytest.mark.parametrize("size", [(32, 32), (40, 56), (45, 70)])
def test_images_of_any_size_get_a_label_on_every_pixel(size):
    model = tiny_groupvit(test_cfg=BACKGROUND)
    model.set_vocabulary(NAMES)
    labels = labels_of(model, pixels(2, 3, *size))
    assert labels.shape == (2, *size) and int(labels.min()) >= 0 and int(labels.max()) < len(NAMES)


def test_a_batch_is_labelled_as_its_images_are():
    model = tiny_groupvit(test_cfg=BACKGROUND)
    model.set_vocabulary(NAMES)
    images = pixels(3, 3, 32, 48)
    each = torch.cat([labels_of(model, images[index:index + 1]) for index in range(3)])
    assert (labels_of(model, images) == each).float().mean() > 0.999


def test_labels_of_an_image_dont_depend_on_its_batch():
    model = tiny_groupvit(test_cfg=BACKGROUND)
    model.set_vocabulary(NAMES)
    large, small = pixels(2, 3, 40, 56)
    small = small[:, :32, :48]
    samples = [SegDataSample(), SegDataSample(metainfo={"padding_size": [0, 8, 0, 8]})]
    first, second = model.predict(torch.stack([large, F.pad(small, (0, 8, 0, 8))]), samples)
    for found, image in ((first, large), (second, small)):
        assert torch.equal(found.pred_sem_seg.data, model.predict(image[None])[0].pred_sem_seg.data)


def test_permuted_names_permute_the_labels():
    model = tiny_groupvit(test_cfg={"keep_logits": True, **BACKGROUND})
    images, order = pixels(1, 3, 32, 32), [2, 0, 3, 1]
    model.set_vocabulary(NAMES)
    scores = model.predict(images)[0].seg_logits.data
    model.set_vocabulary([NAMES[index] for index in order])
    torch.testing.assert_close(model.predict(images)[0].seg_logits.data, scores[order], atol=1e-6, rtol=1e-5)


def test_labels_dont_depend_on_the_budget():
    images = pixels(2, 3, 32, 32)
    whole, chunked = tiny_groupvit(test_cfg=BACKGROUND), tiny_groupvit(test_cfg={"budget": 1, **BACKGROUND})
    for model in (whole, chunked):
        model.set_vocabulary(NAMES)
    assert torch.equal(labels_of(whole, images), labels_of(chunked, images))


def test_windows_are_segmented_apart():
    model = tiny_groupvit(test_cfg={"mode": "slide", "crop_size": (32, 32), "stride": (16, 16), **BACKGROUND})
    model.set_vocabulary(NAMES)
    assert labels_of(model, pixels(1, 3, 40, 56)).shape == (1, 40, 56)


def test_without_a_background_among_the_names_every_pixel_has_a_name():
    model = tiny_groupvit(test_cfg={"background": {"threshold": 2.0, "keeps_best": False}})
    model.set_vocabulary(NAMES)
    assert not labels_of(model, pixels(1, 3, 32, 32)).any()  # all of it is background
    model.set_vocabulary(NAMES[1:])
    assert labels_of(model, pixels(1, 3, 32, 32)).max() < 3


def test_the_background_isnt_compared_by_its_text():
    model = tiny_groupvit(test_cfg=BACKGROUND)
    rows = F.normalize(torch.randn(4, 8), dim=-1)
    model.set_vocabulary(TextEmbeddings(tuple(NAMES), rows))
    labels = labels_of(model, pixels(1, 3, 32, 32))
    rows = torch.cat([-rows[:1], rows[1:]])
    model.set_vocabulary(TextEmbeddings(tuple(NAMES), rows))
    assert torch.equal(labels, labels_of(model, pixels(1, 3, 32, 32)))


def test_negatives_compete_and_are_never_reported():
    model = tiny_groupvit()
    model.set_vocabulary(Vocabulary(("red star",), negatives=("blue ring", "green heart")))
    assert labels_of(model, pixels(2, 3, 32, 32)).max() <= 1


def test_rows_of_names_are_means_of_prompts_normalised_last():
    model = tiny_groupvit()
    vocabulary = Vocabulary(("red star",), prompts=("a {}.", "the {}."))
    tokens = model.text_tower.tokenize(["a red star.", "the red star."])
    expected = F.normalize(model.text_projector(model.text_tower(tokens)).mean(0), dim=0)
    torch.testing.assert_close(model.embed_names(vocabulary).embeddings[0], expected)


def test_names_are_embedded_anew_after_training():
    model = tiny_groupvit()
    model.set_vocabulary(NAMES)
    before = model.text_on(torch.device("cpu"))
    model.train()
    with torch.no_grad():
        model.text_projector.out.weight.mul_(-1)
    assert not torch.allclose(before, model.eval().text_on(torch.device("cpu")))


@pytest.mark.parametrize("names", [[], [""], ["red star", "red star"]])
def test_names_that_are_none_empty_or_doubled_are_refused(names):
    with pytest.raises(VocabularyError):
        tiny_groupvit().set_vocabulary(names)


def test_overlong_names_are_refused_when_they_are_set():
    with pytest.raises(VocabularyError, match="more than 16 tokens"):
        tiny_groupvit().set_vocabulary(["red " * 30])


def test_predicting_without_names_is_refused():
    with pytest.raises(ConfigError, match="no names yet"):
        tiny_groupvit().predict(pixels(1, 3, 32, 32))


def test_the_rule_of_the_background_may_stand_in_a_file(tmp_path):
    write_json(tmp_path / "rule.json", {"threshold": 0.3, "statistic": "margin", "keeps_best": False})
    rule = tiny_groupvit(test_cfg={"background": str(tmp_path / "rule.json")}).background_rule
    assert (rule.threshold, rule.statistic, rule.keeps_best) == (0.3, "margin", False)


def test_unknown_options_are_refused():
    with pytest.raises(ConfigError, match="no \\['losses'\\]"):
        tiny_groupvit(train_cfg={"losses": {}})
    with pytest.raises(ConfigError, match="needs threshold"):
        tiny_groupvit(test_cfg={"background": {"limit": 1}})


def test_a_checkpoint_with_the_other_temperature_loads_into_a_test_model():
    tiny_groupvit(train_cfg={"multi_label": None}).load_state_dict(tiny_groupvit().state_dict())


def test_labels_come_back_in_the_original_size():
    model = tiny_groupvit(test_cfg=BACKGROUND)
    model.set_vocabulary(NAMES)
    sample = SegDataSample(metainfo={"ori_shape": (50, 67)})
    assert labels_of(model, pixels(1, 3, 32, 40), [sample]).shape == (1, 50, 67)


def test_labels_by_group_equal_those_of_painted_scores():
    images = pixels(2, 3, 40, 48)
    direct = tiny_groupvit(test_cfg=BACKGROUND)
    painted = tiny_groupvit(test_cfg={"keep_logits": True, **BACKGROUND})
    for model in (direct, painted):
        model.set_vocabulary(Vocabulary(NAMES, negatives=("a star",)))
    assert torch.equal(labels_of(direct, images), labels_of(painted, images))
