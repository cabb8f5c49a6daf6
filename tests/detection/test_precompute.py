import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

import clip_plugins  # noqa: F401  (registers everything)
from clip_plugins.detection.filling import find_encoder
from clip_plugins.detection.launching import Processes
from clip_plugins.detection.precompute import precompute_proposals
from clip_plugins.detection.proposing import ProposalImages, build_dataset, flatten_pipeline
from clip_plugins.encoders import save_weights
from clip_plugins.encoders.tiny import TinyCLIP
from clip_plugins.errors import CacheError, CheckpointError, ConfigError
from clip_plugins.proposals.cache import CacheRecipe
from clip_plugins.store import Store, StoreWriter, shard_path
from tests.contrastive.processes import run_processes
from tools.precompute_proposals import main as precompute_main
from tools.proposal_cache import main as cache_main

ROOT = Path(__file__).resolve().parents[2]
IMAGES = 24
RECIPE = CacheRecipe(max_proposals=5, images_per_group=3)


@pytest.fixture(scope="module")
def job(tmp_path_factory, one_thread):
    """A config with 24 small pictures of two sizes, and random weights of a detector and an encoder."""
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("job")
    generator = np.random.default_rng(0)
    images = []
    for identifier in range(IMAGES):
        height, width = (48, 64) if identifier % 5 else (64, 40)
        squares = generator.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        name = f"{identifier}.png"
        Image.fromarray(squares.repeat(8, 0).repeat(8, 1)).save(root / name)
        images.append({"id": identifier * 3, "file_name": name, "height": height, "width": width})
    truth = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [4, 4, 20, 20], "area": 400, "iscrowd": 0}]
    content = {"images": images, "annotations": truth, "categories": [{"id": 1, "name": "a red star"}]}
    (root / "train.json").write_text(json.dumps(content))
    save_weights(TinyCLIP("resnet", pretrained=False), root / "clip.safetensors")
    config = Config.fromfile(ROOT / "configs/_base_/models/faster-rcnn_tiny-clip_fpn.py")
    pipeline = [
        {"type": "clip_plugins.LoadImage"},
        {"type": "LoadAnnotations", "with_bbox": True},
        {"type": "Resize", "scale": (96, 96), "keep_ratio": True},
        {"type": "PackDetInputs"},
    ]
    dataset = {"type": "clip_plugins.OpenVocabularyCocoDataset", "ann_file": str(root / "train.json"),
               "data_prefix": {"img": str(root)}, "pipeline": pipeline}  # fmt: skip
    config.encoder = {"type": "clip_plugins.TinyCLIP", "pretrained": str(root / "clip.safetensors")}
    config.default_scope = "mmdet"
    config.train_dataloader = {"dataset": {"type": "RepeatDataset", "times": 2, "dataset": dataset}}
    config.test_dataloader = {"dataset": dataset}
    init_default_scope("mmdet")
    torch.save({"state_dict": MODELS.build(config.model).state_dict()}, root / "detector.pth")
    config.dump(root / "config.py")
    return config, root


def run(job, out, recipe=RECIPE, **options):
    config, root = job
    options = {"checkpoint": str(root / "detector.pth"), "processes": Processes(workers=0), **options}
    return precompute_proposals(config, options.pop("checkpoint"), out, recipe, **options)


def contents(path) -> dict:
    store = Store(path)
    assert store.verify() == []
    return {
        (identifier, name): array.tobytes()
        for identifier in store.ids()
        for name, array in store[identifier].items()
    }


@pytest.fixture(scope="module")
def whole(job, tmp_path_factory):
    """The cache of an uninterrupted run."""
    path = tmp_path_factory.mktemp("whole") / "cache"
    assert run(job, path) == IMAGES
    return path


def test_every_image_has_its_best_boxes_within_itself_and_unit_embeddings(whole):
    store = Store(whole)
    assert store.is_complete and store.ids() == [3 * index for index in range(IMAGES)]
    for identifier in store.ids():
        height, width = (48, 64) if identifier // 3 % 5 else (64, 40)
        entry = store[identifier]
        assert 1 <= len(entry["boxes"]) <= 5 and (np.diff(entry["scores"]) <= 0).all()
        assert (entry["boxes"] >= 0).all() and (entry["boxes"].max(0) <= [width, height, width, height]).all()
        np.testing.assert_allclose(np.linalg.norm(entry["embeddings"].astype(float), axis=1), 1, atol=1e-3)


def test_the_manifest_tells_dataset_detector_encoder_and_recipe(whole):
    fingerprint = Store(whole).fingerprint
    assert (fingerprint["images"], fingerprint["scales"], fingerprint["dtype"]) == (IMAGES, "1 1.5", "fp16")
    origins = {"annotations", "detector_config", "detector_checkpoint", "encoder", "nms_iou", "crop"}
    assert origins < fingerprint.keys()


def test_killed_at_random_moments_and_started_again_it_gives_the_same_bytes(job, whole, tmp_path):
    seconds, generator, kills = timed(job, tmp_path / "warm"), np.random.default_rng(), 0
    for _ in range(3):
        child = os.fork()
        if child == 0:
            run(job, tmp_path / "c")
            os._exit(0)
        time.sleep(seconds * generator.uniform(0.1, 0.6))
        os.kill(child, signal.SIGKILL)
        kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert run(job, tmp_path / "c") == IMAGES
    assert kills >= 1
    assert contents(tmp_path / "c") == contents(whole)


def timed(job, out) -> float:
    started = time.perf_counter()
    run(job, out)
    return time.perf_counter() - started


def test_a_limited_run_stays_partial_and_is_finished_to_the_same_bytes(job, whole, tmp_path):
    assert run(job, tmp_path / "c", limit=10) == 10
    assert not Store(tmp_path / "c").is_complete
    run(job, tmp_path / "c")
    assert contents(tmp_path / "c") == contents(whole)


def test_worker_processes_change_nothing(job, whole, tmp_path, monkeypatch):
    monkeypatch.setattr("clip_plugins.detection.filling._FEW_IMAGES", 0)
    run(job, tmp_path / "c", processes=Processes(workers=2))
    assert contents(tmp_path / "c") == contents(whole)


def run_rank(rank, ranks, config, root, out, keep_shards):
    """What `--launcher pytorch` does in each process, once they have met."""
    init_default_scope("mmdet")
    processes = Processes("pytorch", 0, keep_shards=keep_shards)
    return run((config, root), Path(out), processes=processes)


@pytest.mark.parametrize("keep_shards", [False, True])
def test_two_processes_give_the_same_bytes_as_one(job, whole, tmp_path, keep_shards):
    config, root = job
    counts = run_processes(run_rank, 2, config, root, str(tmp_path / "c"), keep_shards)
    assert counts == [IMAGES, IMAGES] and Store(tmp_path / "c").is_complete
    assert contents(tmp_path / "c") == contents(whole)
    assert len(Store(tmp_path / "c").folders) == (3 if keep_shards else 1)


def test_what_ranks_of_a_killed_run_left_is_taken_in_by_any_number_of_processes(job, whole, tmp_path):
    run(job, tmp_path / "c", limit=7)
    source = Store(whole)
    for rank, identifiers in enumerate(([18, 21, 24], [36, 39, 42])):
        with StoreWriter(shard_path(tmp_path / "c", rank), source.fingerprint, source.fields) as shard:
            shard.put({identifier: source[identifier] for identifier in identifiers})
    run(job, tmp_path / "c")
    assert contents(tmp_path / "c") == contents(whole)
    assert len(Store(tmp_path / "c").folders) == 1


def test_parts_made_apart_merge_to_the_same_bytes(job, whole, tmp_path, capsys):
    for part in (1, 2, 3):
        run(job, tmp_path / str(part), processes=Processes(workers=0, part=(part, 3)))
        assert not Store(tmp_path / str(part)).is_complete
    assert cache_main(["merge", *(str(tmp_path / k) for k in "123"), "--out", str(tmp_path / "c")]) == 0
    assert f"{IMAGES} images" in capsys.readouterr().out
    assert Store(tmp_path / "c").is_complete and contents(tmp_path / "c") == contents(whole)


def test_a_complete_cache_is_left_alone(job, whole):
    before = (whole / "data.mdb").stat().st_mtime_ns
    assert run(job, whole) == IMAGES
    assert (whole / "data.mdb").stat().st_mtime_ns == before


def test_another_detector_encoder_or_recipe_is_refused_with_both_values(job, whole, tmp_path):
    config, root = job
    weights = torch.load(root / "detector.pth")["state_dict"]
    torch.save({"state_dict": {**weights, "extra": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(CacheError, match="detector_checkpoint is"):
        run(job, whole, checkpoint=str(tmp_path / "other.pth"))
    with pytest.raises(CacheError, match="max_proposals is 5 in the cache and 6 here"):
        run(job, whole, CacheRecipe(max_proposals=6, images_per_group=3))
    other = Config({**config, "encoder": {**config.encoder, "pretrained": False}})
    with pytest.raises(CacheError, match="encoder is"):
        run((other, root), whole)


def test_boxes_of_a_file_take_the_place_of_the_detector(job, tmp_path):
    boxes = [[4, 4, 10, 12], [-9, 0, 5, 5]]  # the second ends left of the image
    rows = [{"image_id": 3, "bbox": box, "score": 0.5} for box in boxes]
    (tmp_path / "boxes.json").write_text(json.dumps(rows))
    run(job, tmp_path / "c", checkpoint=None, boxes=str(tmp_path / "boxes.json"))
    store = Store(tmp_path / "c")
    assert store.fingerprint["detector_config"] == "external"
    assert store[3]["boxes"].tolist() == [[4, 4, 14, 16]] and store[0]["boxes"].shape == (0, 4)


def test_a_checkpoint_of_another_detector_is_refused(job, tmp_path):
    torch.save({"state_dict": {"backbone.conv1.weight": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"lacks \d+ weights of the first stage"):
        run(job, tmp_path / "c", checkpoint=str(tmp_path / "other.pth"))


def test_a_checkpoint_or_boxes_are_needed_and_not_both(job, tmp_path):
    for options in ({"checkpoint": None}, {"boxes": "boxes.json"}):
        with pytest.raises(ConfigError, match="either a checkpoint or --boxes"):
            run(job, tmp_path / "c", **options)


def test_a_config_without_the_split_is_refused(job, tmp_path):
    with pytest.raises(ConfigError, match="no val_dataloader"):
        run(job, tmp_path / "c", split="val")


def test_the_encoder_is_found_wherever_the_config_names_it():
    encoder = {"type": "clip_plugins.TinyCLIP"}
    head = {"roi_head": {"encoder": encoder, "bbox_head": [{"encoder": encoder}]}}
    assert find_encoder(Config({"model": head})) == encoder
    assert find_encoder(Config({"model": head, "encoder": {"type": "X"}})) == {"type": "X"}
    with pytest.raises(ConfigError, match="names no encoder"):
        find_encoder(Config({"model": {}}))
    with pytest.raises(ConfigError, match="names 2 encoders that differ"):
        find_encoder(Config({"model": {"a": {"encoder": encoder}, "b": {"encoder": {"type": "X"}}}}))


def test_the_pipeline_is_taken_without_truth_and_without_the_cache_itself():
    pipeline = [{"type": "clip_plugins.LoadImage"}, {"type": "mmdet.LoadAnnotations"},
                {"type": "clip_plugins.LoadCachedProposals"},
                {"type": "clip_plugins.KeepProposals", "transforms": [{"type": "Resize"}]}]  # fmt: skip
    assert [step["type"] for step in flatten_pipeline(pipeline)] == ["clip_plugins.LoadImage", "Resize"]


def test_images_without_truth_are_among_the_images_and_keep_their_pixels(job):
    config, root = job
    init_default_scope("mmdet")
    images = build_dataset(config, "train")
    assert isinstance(images, ProposalImages) and len(images) == IMAGES
    decoded = images[6]
    expected = np.asarray(Image.open(root / "2.png"))
    np.testing.assert_array_equal(decoded.pixels.permute(1, 2, 0), expected)
    assert decoded.model_input["inputs"].shape[1:] == (72, 96)


def test_the_tools_make_show_and_verify_a_cache(job, tmp_path, capsys):
    _, root = job
    out = str(tmp_path / "c")
    arguments = [str(root / "config.py"), str(root / "detector.pth"), "--out", out, "--max-proposals", "3"]
    assert precompute_main(arguments) == 0
    assert cache_main(["info", out]) == 0 and f"complete, {IMAGES} entries" in capsys.readouterr().out
    assert cache_main(["verify", out]) == 0
    data = bytearray((tmp_path / "c" / "data.mdb").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "c" / "data.mdb").write_bytes(data)
    assert cache_main(["verify", out]) == 1


def test_a_tools_error_is_one_sentence_and_code_two(job, tmp_path, capsys):
    assert cache_main(["info", str(tmp_path / "nothing")]) == 2
    error = capsys.readouterr().err
    assert "is no cache" in error and error.count("\n") == 1
    _, root = job
    arguments = [str(root / "config.py"), str(root / "detector.pth"), "--out", str(tmp_path / "c")]
    assert precompute_main([*arguments, "--nms", "3"]) == 2 and "nms_iou=3.0" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
