import copy

import numpy as np
import pytest
import torch

import clip_plugins  # noqa: F401  (mmdet's transforms need mmcv's operators)
from clip_plugins.detection.transforms import KeepProposals, PackOpenVocabularyInputs
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.proposals import LoadCachedProposals
from clip_plugins.proposals.cache import CacheRecipe
from clip_plugins.store import StoreWriter

mask_structures = pytest.importorskip("mmdet.structures.mask")
from mmdet.structures.bbox import HorizontalBoxes  # noqa: E402

HEIGHT, WIDTH = 120, 160
KEEP_ALL = {"min_visibility": 0.0, "min_size": 0.0}


def results_of(truths: int = 3, proposals: int = 12, seed: int = 0) -> dict:
    """An image whose pixels tell their own x, y (edge coordinates), with boxes and numbered embeddings."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) + 0.5
    image = np.stack([x, y, np.full_like(x, 500)], axis=2)
    start = generator.random((proposals, 2)) * [110, 80]
    boxes = np.concatenate([start, start + 10 + generator.random((proposals, 2)) * 30], axis=1)
    truth = torch.tensor([[20.0, 20, 70, 90], [60, 30, 120, 80], [90, 60, 150, 110]])
    return {
        "img": image, "img_shape": (HEIGHT, WIDTH), "ori_shape": (HEIGHT, WIDTH), "img_id": 7,
        "gt_bboxes": HorizontalBoxes(truth[:truths]),
        "gt_bboxes_labels": np.arange(truths), "gt_ignore_flags": np.zeros(truths, bool),
        "proposals": boxes.astype(np.float32),
        "proposal_scores": np.linspace(1, 0, proposals, dtype=np.float32),
        "proposal_embeddings": np.eye(proposals, dtype=np.float32),
    }  # fmt: skip


def sample(image: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Bilinear value of the image at x, y in edge coordinates."""
    grid = torch.tensor(point / [image.shape[1], image.shape[0]] * 2 - 1).float().view(1, 1, 1, 2)
    pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)[None]
    return torch.nn.functional.grid_sample(pixels, grid, align_corners=False)[0, :, 0, 0].numpy()


KEEP_RATIO = {"keep_ratio": True, "resize_type": "mmdet.Resize"}
GEOMETRIC = {
    "Resize": {"scale": (200, 100), "keep_ratio": False},
    "FixShapeResize": {"width": 120, "height": 140, "keep_ratio": False},
    "RandomFlip": {"prob": 0.9, "direction": ["horizontal", "vertical", "diagonal"]},
    "RandomCrop": {"crop_size": (90, 80)},
    "RandomResize": {"scale": (160, 120), "ratio_range": (0.5, 2.0), **KEEP_RATIO},
    "RandomChoiceResize": {"scales": [(80, 60), (240, 180)], **KEEP_RATIO},
    "Pad": {"size": (200, 180)},
    "Expand": {"mean": (0, 0, 0), "ratio_range": (1, 2), "prob": 0.9},
    "MinIoURandomCrop": {},
    "RandomAffine": {"max_rotate_degree": 10, "border_val": (0, 0, 0)},
    "RandomShift": {"prob": 0.9},
    "Rotate": {"prob": 1.0, "img_border_value": (0, 0, 0)},
    "ShearX": {"prob": 1.0, "img_border_value": (0, 0, 0)},
    "ShearY": {"prob": 1.0, "img_border_value": (0, 0, 0)},
    "TranslateX": {"prob": 1.0, "img_border_value": (0, 0, 0)},
    "TranslateY": {"prob": 1.0, "img_border_value": (0, 0, 0)},
}
SCOPE = {"RandomResize": "mmcv", "RandomChoiceResize": "mmcv"}


def transform_config(name: str) -> dict:
    return {"type": f"{SCOPE.get(name, 'mmdet')}.{name}", **GEOMETRIC[name]}


def check_at_landmarks(moved: dict, original: dict, tolerance: float = 1.0) -> int:
    """Every wholly visible proposal has the pixels of its own place in its middle; gives their number."""
    checked = 0
    for box, score, embedding in zip(*(moved[f"proposal{key}"] for key in ("s", "_scores", "_embeddings"))):
        row = int(embedding.argmax())
        assert score == original["proposal_scores"][row]
        height, width = moved["img_shape"][:2]
        if min(box[0], box[1]) <= 0.01 or box[2] >= width - 0.01 or box[3] >= height - 0.01:
            continue  # clipped: its middle is another
        x, y, is_image = sample(moved["img"], (box[:2] + box[2:]) / 2)
        if is_image < 499:
            continue
        before = original["proposals"][row]
        np.testing.assert_allclose([x, y], (before[:2] + before[2:]) / 2, atol=tolerance)
        checked += 1
    return checked


@pytest.mark.parametrize("truths", [3, 0])
@pytest.mark.parametrize("name", GEOMETRIC)
def test_each_proposal_is_at_its_landmark_after(name, truths):
    keep, checked = KeepProposals([transform_config(name)]), 0
    for seed in range(8):
        np.random.seed(seed)
        original = results_of(truths, seed=seed)
        moved = keep(copy.deepcopy(original))
        if moved is not None:
            checked += check_at_landmarks(moved, original)
            assert len(moved["gt_bboxes"]) <= truths
    assert checked >= 8


@pytest.mark.parametrize("seed", range(12))
def test_a_chain_of_transforms_keeps_landmarks_and_truth_as_without_proposals(seed):
    names = np.random.default_rng(seed).permutation(list(GEOMETRIC))[:4]
    original = results_of(seed=seed)
    plain = {key: value for key, value in copy.deepcopy(original).items() if not key.startswith("proposal")}
    chain = KeepProposals([transform_config(name) for name in names], min_visibility=0.999)
    np.random.seed(seed)
    moved = chain(copy.deepcopy(original))
    np.random.seed(seed)
    plain = chain.transforms(plain)
    assert (moved is None) == (plain is None)
    if moved is not None:
        np.testing.assert_array_equal(moved["img"], plain["img"])
        np.testing.assert_allclose(moved["gt_bboxes"].tensor, plain["gt_bboxes"].tensor, atol=1e-4)
        np.testing.assert_array_equal(moved["gt_bboxes_labels"], plain["gt_bboxes_labels"])
        check_at_landmarks(moved, original, tolerance=3.0)  # each warp may shift pixels by half of one


def test_what_is_left_of_a_cropped_proposal_decides_whether_it_stays():
    results = results_of(proposals=3)
    results["proposals"] = np.float32([[0, 0, 40, 40], [70, 0, 90, 40], [74, 0, 94, 40]])
    crop = {"type": "mmdet.RandomCrop", "crop_size": (80, 120)}
    kept = KeepProposals([{**crop, "crop_type": "absolute"}], min_visibility=0.5)
    np.random.seed(0)
    while True:
        moved = kept(copy.deepcopy(results))
        if moved is not None and tuple(moved["homography_matrix"][:2, 2]) == (0, 0):
            break
    assert moved["proposals"].tolist() == [[0, 0, 40, 40], [70, 0, 80, 40]]  # the third keeps 6 of 20 columns
    assert moved["proposal_embeddings"].argmax(1).tolist() == [0, 1]
    assert moved["proposal_scores"].tolist() == [1.0, 0.5]


def test_a_part_that_was_cropped_away_stays_away_when_the_image_is_padded_again():
    results = results_of(proposals=2)
    results["proposals"] = np.float32([[150, 100, 160, 120], [0, 0, 160, 120]])
    steps = [
        {"type": "mmdet.RandomCrop", "crop_size": (80, 60), "allow_negative_crop": True},
        {"type": "mmdet.Expand", "ratio_range": (2, 2), "prob": 1.0},
    ]
    np.random.seed(1)
    moved = KeepProposals(steps, **KEEP_ALL)(results)
    box = moved["proposals"][list(moved["proposal_embeddings"].argmax(1)).index(1)]
    assert (box[2] - box[0], box[3] - box[1]) == (80, 60)


def test_boxes_made_anew_from_masks_are_followed_by_the_homography():
    results = results_of()
    truth = results["gt_bboxes"].tensor.numpy()
    polygons = [[box[[0, 1, 2, 1, 2, 3, 0, 3]].astype(np.float64)] for box in truth]
    results["gt_masks"] = mask_structures.PolygonMasks(polygons, HEIGHT, WIDTH)
    steps = [
        {"type": "mmdet.Resize", "scale": (240, 180)},
        {"type": "mmdet.RandomCrop", "crop_size": (150, 120), "recompute_bbox": True},
        {"type": "mmdet.RandomFlip", "prob": 1.0},
    ]
    np.random.seed(0)
    moved = KeepProposals(steps)(copy.deepcopy(results))
    assert check_at_landmarks(moved, results) >= 2


def test_empty_masks_of_an_image_without_truth_get_the_new_size():
    results = results_of(truths=0)
    results["gt_masks"] = mask_structures.BitmapMasks(np.zeros((0, HEIGHT, WIDTH), np.uint8), HEIGHT, WIDTH)
    np.random.seed(0)
    moved = KeepProposals([{"type": "mmdet.RandomCrop", "crop_size": (90, 80)}])(results)
    assert (moved["gt_masks"].height, moved["gt_masks"].width) == moved["img_shape"] == (80, 90)
    assert len(moved["gt_masks"]) == len(moved["gt_bboxes"]) == len(moved["gt_bboxes_labels"]) == 0


def test_an_image_without_proposals_goes_through():
    moved = KeepProposals([transform_config("RandomFlip")])(results_of(proposals=0))
    packed = PackOpenVocabularyInputs()(moved)["data_samples"]
    assert packed.proposals.bboxes.shape == (0, 4) and len(packed.gt_instances) == 3


def test_packing_carries_proposals_truth_and_image_id():
    sample_ = PackOpenVocabularyInputs()(KeepProposals()(results_of()))["data_samples"]
    assert sample_.img_id == 7
    assert sample_.proposals.bboxes.dtype == sample_.proposals.embeddings.dtype == torch.float32
    assert sample_.proposals.bboxes.shape == (12, 4) and sample_.proposals.scores.shape == (12,)
    assert type(sample_.gt_instances.bboxes) is HorizontalBoxes


def test_packing_without_proposals_is_mmdets():
    results = {key: value for key, value in results_of().items() if not key.startswith("proposal")}
    assert "proposals" not in PackOpenVocabularyInputs()(results)["data_samples"]


@pytest.mark.parametrize("name", ["Resize", "RandomFlip", "RandomAffine"])
def test_a_geometric_transform_after_keep_proposals_is_refused(name):
    from mmengine.registry import TRANSFORMS

    results = KeepProposals()(results_of())
    config = {**transform_config(name), **({"prob": 1.0} if name == "RandomFlip" else {})}
    with pytest.raises(DataError, match="outside of KeepProposals"):
        TRANSFORMS.build(config)(results)


def test_a_geometric_transform_before_keep_proposals_is_refused():
    from mmengine.registry import TRANSFORMS

    results = TRANSFORMS.build(transform_config("Resize"))(results_of())
    with pytest.raises(ConfigError, match="stands before KeepProposals"):
        KeepProposals()(results)


def test_packing_refuses_proposals_that_nobody_kept():
    with pytest.raises(ConfigError, match="without KeepProposals"):
        PackOpenVocabularyInputs()(results_of())


@pytest.mark.parametrize("name, others", [("Mosaic", 3), ("MixUp", 1)])
def test_transforms_that_mix_images_are_refused(name, others):
    results = results_of()
    results["mix_results"] = [results_of(seed=seed) for seed in range(others)]
    with pytest.raises(DataError, match=r"leave (them|it) out"):
        KeepProposals([{"type": f"mmdet.{name}", "img_scale": (160, 120)}])(results)


def test_a_transform_that_rebuilds_boxes_without_a_record_is_refused():
    def rebuild(results):
        return {**results, "gt_bboxes": HorizontalBoxes(results["gt_bboxes"].tensor)}

    with pytest.raises(DataError, match="makes new boxes and doesn't record"):
        KeepProposals([rebuild])(results_of())


def test_from_the_cache_to_the_model_input(tmp_path):
    results = {key: value for key, value in results_of().items() if not key.startswith("proposal")}
    recipe = CacheRecipe(dtype="fp16")
    with StoreWriter(tmp_path / "c", {"encoder": "e"}, recipe.fields(4)) as writer:
        writer.put({7: {"boxes": np.float32([[1, 2, 31, 42]]), "scores": [0.5], "embeddings": np.eye(1, 4)}})
    flip = {"type": "mmdet.RandomFlip", "prob": 1.0}
    for step in (LoadCachedProposals(tmp_path / "c"), KeepProposals([flip])):
        results = step(results)
    proposals = PackOpenVocabularyInputs()(results)["data_samples"].proposals
    assert proposals.bboxes.tolist() == [[WIDTH - 31, 2, WIDTH - 1, 42]]
    assert proposals.embeddings.tolist() == [[1, 0, 0, 0]]
