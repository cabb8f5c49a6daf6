"""The CLIP training model: losses, gradients, prediction, teacher."""
import pytest
import torch

from clip_plugins.contrastive import CLIPPretraining, copy_text_tower
from clip_plugins.encoders import build_encoder
from clip_plugins.errors import CheckpointError, ConfigError
from clip_plugins.registry import MODELS
from clip_plugins.vocabulary import Vocabulary

RESNET = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}
VIT = {"type": "clip_plugins.TinyCLIP", "variant": "vit", "pretrained": False}
CAPTIONS = ["a red star", "a green ring", "a red star", "a blue key"]


@pytest.fixture(scope="module")
def model() -> CLIPPretraining:
    torch.manual_seed(0)
    return MODELS.build({"type": "clip_plugins.CLIPPretraining", "encoder": RESNET, "precision": "fp32"})


def _data() -> dict:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8, generator=generator)
    return {"inputs": pixels, "captions": CAPTIONS, "keys": CAPTIONS}


def _loss(model: CLIPPretraining) -> dict[str, torch.Tensor]:
    data = model.data_preprocessor(_data(), training=True)
    return model(**data, mode="loss")


def test_every_weight_of_both_towers_gets_a_gradient(model):
    model.train()
    _loss(model)["loss_contrastive"].backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    model.zero_grad()
    assert not without


def test_equal_captions_have_one_embedding_and_the_batch_s_order(model):
    embeddings = model.eval().encode_captions(CAPTIONS)
    torch.testing.assert_close(embeddings[0], embeddings[2])
    single = model.encode_captions(["a blue key"])
    torch.testing.assert_close(embeddings[3:], single, atol=1e-5, rtol=1e-4)


def test_logit_scale_never_exceeds_its_limit(model):
    parameter = model.encoder.clip.logit_scale
    before = parameter.detach().clone()
    with torch.no_grad():
        parameter.fill_(9.0)
    scale = _loss(model.train())["logit_scale"]
    with torch.no_grad():
        parameter.copy_(before)
    assert scale.item() == pytest.approx(100, rel=1e-4)


def test_prediction_scores_are_scaled_cosines_with_the_prompts_mean(model):
    model.eval().set_vocabulary(Vocabulary(("red star", "green ring"), prompts=("a {}", "one {}")))
    data = model.data_preprocessor(_data())
    scores = model(data["inputs"], CAPTIONS, labels=torch.tensor([0, 1, 0, 1]), mode="predict")
    image = model.encoder.encode_image(data["inputs"], normalize=True)[1]
    text = model.encoder.encode_texts(["a green ring", "one green ring"]).mean(0)
    expected = model.encoder.logit_scale * image @ (text / text.norm())
    assert scores[1]["label"] == 1
    assert scores[1]["scores"][1].item() == pytest.approx(expected.item(), abs=1e-4)


def test_permuted_vocabulary_permutes_scores(model):
    data = model.data_preprocessor(_data())
    rows = []
    for names in (("red star", "key", "ring"), ("ring", "red star", "key")):
        model.eval().set_vocabulary(Vocabulary(names))
        rows.append(model(data["inputs"], CAPTIONS, mode="predict")[0]["scores"])
    torch.testing.assert_close(rows[0], rows[1][[1, 2, 0]], atol=1e-5, rtol=1e-4)


def test_classes_are_embedded_anew_after_training(model):
    model.eval().set_vocabulary(Vocabulary(("red star",)))
    model.predict(model.data_preprocessor(_data())["inputs"])
    assert model._class_embeddings is not None
    model.train()
    assert model._class_embeddings is None


def test_prediction_without_names_is_told():
    fresh = MODELS.build({"type": "clip_plugins.CLIPPretraining", "encoder": RESNET})
    with pytest.raises(ConfigError, match="set_vocabulary"):
        fresh.predict(torch.zeros(1, 3, 64, 64))


def test_unknown_mode_is_told(model):
    with pytest.raises(ConfigError, match="'losses'"):
        model(torch.zeros(1, 3, 64, 64), ["a"], mode="losses")


def test_teacher_gives_its_losses_and_its_text_tower_and_stays_outside():
    teacher = {"encoder": RESNET, "cosine": 2.0, "relational": 0.5, "initialise_text": True}
    teacher["freeze_text"] = True
    student = MODELS.build({"type": "clip_plugins.CLIPPretraining", "encoder": VIT, "teacher": teacher})
    losses = _loss(student.train())
    assert {"loss_contrastive", "loss_teacher_cosine", "loss_teacher_relational"} <= set(losses)
    assert not any("teacher" in name for name in student.state_dict())
    ours = student.encoder.encode_texts(CAPTIONS)
    torch.testing.assert_close(ours, student.teacher.encoder.encode_texts(CAPTIONS))
    sum(value for name, value in losses.items() if name.startswith("loss")).backward()
    frozen = [n for n, p in student.encoder.named_parameters() if not p.requires_grad]
    assert frozen
    assert not any(".visual." in name or name.endswith("logit_scale") for name in frozen)
    assert student.encoder.clip.visual.conv1.weight.grad.abs().sum() > 0


def test_text_towers_of_another_layout_are_told():
    source, target = build_encoder(RESNET, trainable=True), build_encoder(VIT, trainable=True)
    target.clip.ln_final = torch.nn.LayerNorm(7)
    with pytest.raises(CheckpointError, match="ln_final"):
        copy_text_tower(source, target)
