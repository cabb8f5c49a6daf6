import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError, DataError, ShapeError
from clip_plugins.vocabulary import TextEmbeddings
from tests.segmentation.tiny import ColourSegmentor, colour_segmentor, sample

PIXELS = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))
BLOCKS = PIXELS[..., ::8, ::8].repeat_interleave(8, -1).repeat_interleave(8, -2)


def labels_of(segmentor: ColourSegmentor, pixels: torch.Tensor = PIXELS, samples=None) -> torch.Tensor:
    return torch.stack([found.pred_sem_seg.data[0] for found in segmentor.predict(pixels, samples)])


def test_labels_are_the_arg_max_of_the_scores():
    segmentor = colour_segmentor()
    assert torch.equal(labels_of(segmentor), segmentor.encode_decode(PIXELS).argmax(1))


def test_labels_dont_depend_on_the_budget_and_the_image_is_looked_at_once():
    segmentor = colour_segmentor(test_cfg={"budget": 1})
    assert torch.equal(labels_of(segmentor), labels_of(colour_segmentor()))
    assert segmentor.looks == 1


def test_logits_are_kept_only_where_asked_for():
    assert "seg_logits" not in colour_segmentor().predict(PIXELS)[0]
    kept = colour_segmentor(test_cfg={"keep_logits": True, "budget": 1}).predict(PIXELS)
    assert torch.equal(kept[1].seg_logits.data, colour_segmentor().encode_decode(PIXELS)[1])


def test_windows_agree_with_the_whole_image_where_scores_are_local():
    sliding = colour_segmentor(test_cfg={"mode": "slide", "crop_size": (8, 8), "stride": (4, 6)})
    agree = (labels_of(sliding, BLOCKS) == labels_of(colour_segmentor(), BLOCKS)).float().mean()
    assert sliding.looks > 1 and agree > 0.8


def test_padding_flip_and_size_of_the_original_are_undone():
    segmentor = colour_segmentor()
    padded = torch.nn.functional.pad(BLOCKS[:1].flip(-1), (0, 8, 0, 8))
    meta = {"padding_size": [0, 8, 0, 8], "ori_shape": (24, 32), "flip": True, "flip_direction": "horizontal"}
    straight, undone = labels_of(segmentor, BLOCKS[:1]), labels_of(segmentor, padded, [sample(**meta)])
    assert (straight == undone).float().mean() > 0.9
    assert (straight == undone.flip(-1)).float().mean() < 0.9


def test_images_of_one_batch_may_have_had_different_sizes():
    found = colour_segmentor().predict(PIXELS, [sample(ori_shape=(48, 64)), sample(ori_shape=(7, 5))])
    assert [tuple(one.pred_sem_seg.data.shape) for one in found] == [(1, 48, 64), (1, 7, 5)]


def test_the_offset_moves_the_background_alone():
    plain = colour_segmentor()
    moved = colour_segmentor(background={"name": "blue", "offset": 10.0})
    assert torch.equal(labels_of(moved), torch.full((2, 24, 32), 2))
    moved.set_vocabulary(TextEmbeddings(("red", "green"), torch.eye(3)[:2]))
    plain.set_vocabulary(TextEmbeddings(("red", "green"), torch.eye(3)[:2]))
    assert torch.equal(labels_of(moved), labels_of(plain))


def test_where_a_negative_wins_no_name_is_reported():
    segmentor = ColourSegmentor()
    segmentor.set_vocabulary(TextEmbeddings(("red",), torch.eye(3)[:1], negatives=torch.eye(3)[1:]))
    wins = PIXELS[..., ::2, ::2].argmax(1) == 0
    assert torch.equal(labels_of(segmentor)[..., ::2, ::2].max(), torch.tensor(1))
    assert wins.any()


def test_mmsegs_test_time_augmentation_merges_its_logits():
    from mmseg.models import SegTTAModel
    segmentor = colour_segmentor(test_cfg={"keep_logits": True})
    meta = {"flip_direction": "horizontal", "ori_shape": (24, 32), "img_path": "a.png"}
    views = [segmentor.predict(pixels, [sample(flip=flip, **meta)])[0]
             for pixels, flip in ((BLOCKS[:1], False), (BLOCKS[:1].flip(-1), True))]
    logits = [view.seg_logits.data.softmax(0) for view in views]
    merged = SegTTAModel(module=segmentor).merge_preds([views])[0]
    assert torch.equal(merged.pred_sem_seg.data[0], sum(logits).argmax(0))


def test_a_mask_with_an_unknown_label_is_refused():
    samples = [sample(torch.tensor([[0, 255], [2, 7]]))]
    with pytest.raises(DataError, match="label 7"):
        colour_segmentor().loss(PIXELS[:1], samples)


def test_masks_of_two_sizes_in_a_batch_are_refused():
    with pytest.raises(ShapeError, match="one size"):
        colour_segmentor().targets([sample(torch.zeros(2, 2)), sample(torch.zeros(2, 3))])


def test_a_model_without_names_says_so():
    with pytest.raises(ConfigError, match="VocabularyHook"):
        ColourSegmentor().predict(PIXELS)


@pytest.mark.parametrize("test_cfg", [{"mode": "tiles"}, {"mode": "slide"}])
def test_an_unknown_or_incomplete_mode_is_refused(test_cfg):
    with pytest.raises(ConfigError, match="mode"):
        colour_segmentor(test_cfg=test_cfg)


def test_a_misspelt_background_is_refused():
    with pytest.raises(ConfigError, match="background"):
        colour_segmentor(background={"names": "other"})
