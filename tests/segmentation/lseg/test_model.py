import pytest
import torch

pytest.importorskip("mmseg")

from mmseg.structures import SegDataSample

from clip_plugins.errors import ConfigError, DataError, ShapeError, VocabularyError
from tests.segmentation.lseg.models import DIM, PREPROCESSOR, draw, lseg, name, truth

PIXELS = draw(2, 3, 64, 96)
SMOOTHING = {"kind": "bottleneck", "activation": "lrelu", "depth": 3}
TINY = {"type": "clip_plugins.TinyCLIP", "variant": "resnet", "pretrained": False}


@torch.no_grad()
def scores(model, pixels=PIXELS) -> torch.Tensor:
    return model(pixels, mode="tensor")


@torch.no_grad()
def labels(model, pixels=PIXELS, samples=None) -> torch.Tensor:
    return torch.stack([found.pred_sem_seg.data[0] for found in model.predict(pixels, samples)])


@torch.no_grad()
def test_the_shortcut_gives_the_scores_of_the_pixel_embeddings():
    model = lseg()
    embeddings = torch.nn.functional.normalize(model.embed(model.decode(PIXELS)), dim=1)
    plain = model.logit_scale * torch.einsum("bdhw,nd->bnhw", embeddings, model.text_on(PIXELS.device))
    torch.testing.assert_close(model.half_scores(model.extract_feat(PIXELS), model.text_on(PIXELS.device)),
                               plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [None, SMOOTHING])
def test_permuting_the_names_permutes_the_maps(smoothing):
    model, rows, order = lseg(smoothing=smoothing), draw(5, DIM, seed=1), torch.tensor([3, 1, 4, 0, 2])
    before = scores(model)
    name(model, rows[order])
    torch.testing.assert_close(scores(model), before[:, order])


def test_another_name_leaves_the_others_maps_as_they_were():
    model, rows = lseg(), draw(6, DIM, seed=1)
    name(model, rows[:5])
    before = scores(model)
    name(model, rows)
    torch.testing.assert_close(scores(model)[:, :5], before)


@pytest.mark.parametrize("count", [1, 1000])
def test_the_same_weights_answer_any_number_of_names(count):
    model = lseg(names=count)
    found = labels(model, PIXELS[:1])
    assert found.shape == (1, 64, 96) and found.max() < count
    assert torch.equal(found, scores(model, PIXELS[:1]).argmax(1))


@pytest.mark.parametrize("smoothing", [None, SMOOTHING, {"kind": "depthwise", "depth": 2}])
def test_names_in_chunks_get_the_labels_of_all_at_once(smoothing):
    plain, chunked = (lseg(names=40, smoothing=smoothing, test_cfg={"budget": budget})
                      for budget in (1 << 24, 2 * 64 * 96 * 7))
    chosen = scores(plain).gather(1, labels(chunked)[:, None])[:, 0]
    torch.testing.assert_close(chosen, scores(plain).amax(1), atol=1e-3, rtol=0)  # equal but for rounding


def test_smoothing_is_of_all_names_even_where_one_chunk_is_asked_for():
    model = lseg(smoothing=SMOOTHING)
    with torch.no_grad():
        part = model.name_scores(model.extract_feat(PIXELS), model.text_on(PIXELS.device)[1:3], (64, 96))
    torch.testing.assert_close(part, scores(model)[:, 1:3])


@pytest.mark.parametrize("size", [(64, 64), (65, 33), (40, 72), (16, 16), (96, 48)])
def test_images_of_odd_sizes_are_labelled_at_their_own_size(size):
    assert labels(lseg(), draw(1, 3, *size)).shape == (1, *size)


def test_training_learns_from_labelled_pixels_and_moves_every_weight():
    model = lseg(smoothing=SMOOTHING).train()
    loss = model.loss(PIXELS, truth(*torch.randint(5, (2, 64, 96))))
    loss["loss_pixels"].backward()
    assert loss["loss_pixels"] > 0
    assert not [key for key, weight in model.named_parameters() if weight.grad is None]


@pytest.mark.parametrize("pixels", [None, {"count": 64}])
def test_masks_without_a_labelled_pixel_teach_nothing(pixels):
    model = lseg(pixels=pixels).train()
    loss = model.loss(PIXELS, truth(*torch.full((2, 64, 96), 255)))["loss_pixels"]
    loss.backward()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert loss == 0 and gradients and not any(gradient.any() for gradient in gradients)


def test_drawn_pixels_have_the_scores_of_their_places():
    plain = lseg().train()
    drawn = lseg(pixels={"count": 20000, "object_share": 0.0}).train()
    drawn.load_state_dict(plain.state_dict())
    masks = truth(*torch.randint(5, (2, 64, 96), generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        of_all, of_drawn = (model.loss(PIXELS, masks)["loss_pixels"] for model in (plain, drawn))
    assert abs(of_all - of_drawn) < 0.05 * of_all


def test_a_mask_with_an_unknown_label_is_refused():
    with pytest.raises(DataError, match="label 9"):
        lseg().loss(PIXELS[:1], truth(torch.full((64, 96), 9)))


def test_regions_of_masks_learn_the_frozen_encoders_embeddings():
    model = lseg(names=None, encoder=TINY, embed_dim=None, data_preprocessor=PREPROCESSOR,
                 background={"name": "name 0"}, regions={"least_pixels": 16}).train()
    name(model, draw(3, 128, seed=1))
    mask = torch.zeros(64, 96, dtype=torch.long)
    mask[8:40, 8:40], mask[8:40, 56:90] = 1, 255  # an object without a name has an outline all the same
    found = model.loss(PIXELS[:1], truth(mask))
    assert set(found) == {"loss_pixels", "loss_regions"} and 0 < found["loss_regions"] < 2
    empty = model.loss(PIXELS[:1], truth(torch.zeros(64, 96, dtype=torch.long)))
    assert empty["loss_regions"] == 0


def test_the_official_evaluation_labels_the_whole_image():
    model = lseg(test_cfg={"mode": "multi_scale", "base_size": 48, "crop_size": 32, "scales": (0.75, 1.25)})
    found = labels(model, PIXELS, truth(*torch.zeros(2, 64, 96), ori_shape=(64, 96)))
    assert found.shape == (2, 64, 96) and len(found.unique()) > 1


def test_the_official_evaluation_takes_thousands_of_names_in_chunks(monkeypatch):
    small = {"mode": "multi_scale", "base_size": 48, "crop_size": 32, "scales": (0.75, 1.25)}
    whole, chunked = lseg(test_cfg=small), lseg(test_cfg={"budget": 2 * 64 * 96, **small})
    scored = []
    scores = type(chunked).name_scores
    monkeypatch.setattr(type(chunked), "name_scores", lambda model, features, text, size: (
        scored.append(len(text)) or scores(model, features, text, size)))
    found = labels(chunked, PIXELS[:1])
    assert set(scored) == {1, 2}
    assert torch.equal(found, labels(whole, PIXELS[:1]))


@torch.no_grad()
@pytest.mark.parametrize("mode", [{"mode": "whole"}, {"mode": "multi_scale", "base_size": 48,
                                                      "crop_size": 32, "scales": (1.0,)}])
def test_labels_of_an_image_dont_depend_on_its_batch(mode):
    model, (large, small) = lseg(test_cfg=mode), PIXELS
    small = small[:, :40, :50]
    padded = torch.nn.functional.pad(small, (0, 46, 0, 24))
    samples = [SegDataSample(), SegDataSample(metainfo={"img_padding_size": (0, 46, 0, 24)})]
    first, second = model.predict(torch.stack([large, padded]), samples)
    for found, image in ((first, large), (second, small)):
        assert torch.equal(found.pred_sem_seg.data, model.predict(image[None])[0].pred_sem_seg.data)


def test_windows_of_mmseg_work_too():
    model = lseg(test_cfg={"mode": "slide", "crop_size": (64, 64), "stride": (32, 32)})
    assert labels(model).shape == (2, 64, 96)


@pytest.mark.parametrize(("options", "told"), [
    ({"pixels": {"number": 3}}, "number"),
    ({"pixels": {}, "smoothing": SMOOTHING}, "unsmoothed"),
    ({"regions": {}}, "encoder"),
    ({"test_cfg": {"mode": "multi_scale", "crops": 3}}, "MultiScale"),
])
def test_options_that_dont_exist_or_fit_are_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        lseg(**options)


@pytest.mark.parametrize("names", [[], ["red star", "red star"], ["star", " "], ["star " * 60]])
def test_names_that_are_none_doubled_empty_or_overlong_are_refused(names):
    with pytest.raises(VocabularyError):
        lseg(names=None, encoder=TINY, embed_dim=None).set_vocabulary(names)


def test_embeddings_of_another_encoder_are_refused():
    with pytest.raises(ShapeError, match="wide"):
        name(lseg(names=None), draw(3, DIM + 1))
