"""What ViLD's training step costs beside a plain detector's, and what names cost at test."""
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import nn

from clip_plugins.cli.benchmarks import Clock, Row, interleaved
from clip_plugins.cli.config import load_config
from clip_plugins.cli.ov_shapes import CONFIGS, PROPOSALS_AN_IMAGE, SUFFIX, config_of
from clip_plugins.cli.walk import cache_options
from clip_plugins.datasets.ov_shapes.names import NAMES
from clip_plugins.encoders import FrozenEncoder
from clip_plugins.proposals.cache import CacheRecipe
from clip_plugins.store import StoreWriter
from clip_plugins.vocabulary import TextEmbeddings, Vocabulary, dataset_classes, embed, random_embeddings
from clip_plugins.vocabulary.cache import ENVIRONMENT, forget_embeddings

IMAGES, BATCH = 64, 16
FEW, MANY, PROMPTS = 20, 1203, "vild63"
STARTS = 9
NEXT_START = 0.2  # seconds
PAPER_IMAGE, PAPER_REGIONS = (512, 704), 300


def made_up_names(count: int) -> list[str]:
    """So many different names."""
    return [f"{NAMES[number % len(NAMES)]} {number}" for number in range(count)]


@contextmanager
def fresh_text_cache() -> Iterator[Path]:
    """An empty folder for text embeddings while the block runs."""
    before = os.environ.get(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[ENVIRONMENT] = folder
        forget_embeddings()
        try:
            yield Path(folder)
        finally:
            os.environ.pop(ENVIRONMENT)
            if before is not None:
                os.environ[ENVIRONMENT] = before
            forget_embeddings()


# ---------------------------------------------------------------- training


def training_row(rounds: int, clock: Clock) -> Row:
    """ViLD's step, reading of cache and images included, beside mmdet's Faster R-CNN of the same size."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "proposals"
        vild = config_of("vild")
        plain, ours = (_read(path, options) for path, options in (
            (CONFIGS / SUFFIX, []), (vild, cache_options(vild, cache))))
        _write_cache(cache, plain)
        works = {"ViLD": training_step(ours), "Faster R-CNN": training_step(plain)}
        seconds = interleaved(works, rounds, warm=2, clock=clock)
    return Row.at_most(f"training step of {BATCH} images, {PROPOSALS_AN_IMAGE} cached proposals each: "
                       "ViLD / Faster R-CNN", *seconds.values(), "s", 1.10)


def training_step(config: Config) -> Callable[[], object]:
    """One step of a config on its first training images: read, transform, forward, backward, update."""
    dataset, model = DATASETS.build(config.train_dataloader.dataset), _build(config)
    model.train()
    model.roi_head.set_vocabulary(Vocabulary(dataset_classes(dataset)))
    optimizer = build_optim_wrapper(model, config.optim_wrapper)
    state = {"next": 0}

    def step() -> object:
        first = state["next"]
        state["next"] = (first + BATCH) % IMAGES
        items = [dataset[index] for index in range(first, first + BATCH)]
        return model.train_step(pseudo_collate(items), optimizer)

    return step


def _read(path: Path, options: list[str]) -> Config:
    config = load_config(path, [f"train_dataloader.dataset.indices={IMAGES}", *options])
    init_default_scope(config.default_scope)
    return config


def _build(config: Config) -> nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _write_cache(path: Path, config: Config) -> None:
    """Proposals of the first training images: random boxes and embeddings; their values cost nothing."""
    dataset = DATASETS.build(config.train_dataloader.dataset)
    width = _build(_read(config_of("vild"), [])).roi_head.embed_dim
    draw = torch.Generator().manual_seed(0)
    with StoreWriter(path, {"encoder": "made up"}, CacheRecipe().fields(width)) as writer:
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            sides = torch.tensor([info["width"], info["height"]])
            corners = torch.rand(PROPOSALS_AN_IMAGE, 2, 2, generator=draw).sort(dim=1).values * sides
            writer.put({info["img_id"]: {
                "boxes": corners.flatten(1).numpy(), "scores": torch.rand(PROPOSALS_AN_IMAGE).numpy(),
                "embeddings": torch.randn(PROPOSALS_AN_IMAGE, width, generator=draw).half().numpy()}})


# ---------------------------------------------------------------- names


def name_rows(checkpoint: Path | None, rounds: int, clock: Clock) -> list[Row]:
    """Encoding of many names once and at the next start; test speed with many names beside few.

    Args:
        checkpoint: weights of the demo's ViLD-ensemble; None: those it starts with.
        rounds: timed rounds.
        clock: see `clock_of`.
    """
    config = load_config(config_of("vild-ensemble"))
    init_default_scope(config.default_scope)
    model = _build(config).eval()
    if checkpoint is not None:
        from mmengine.runner import load_checkpoint
        load_checkpoint(model, str(checkpoint), map_location="cpu", strict=True)
    vocabulary = Vocabulary(made_up_names(MANY), prompts=PROMPTS)
    with fresh_text_cache():
        first, again, many = encoding_seconds(vocabulary, model.roi_head.encoder, clock)
    few = TextEmbeddings(many.names[:FEW], many.embeddings[:FEW])
    dataset = DATASETS.build({**config.test_dataloader.dataset, "indices": BATCH})
    batch = pseudo_collate([dataset[index] for index in range(BATCH)])
    works = {f"{len(names)} names": test_step(model, names, batch) for names in (many, few)}
    seconds = interleaved(works, rounds, warm=2, clock=clock)
    return [
        Row(f"{MANY} names x {len(vocabulary.prompts.templates)} prompts: next start / first encoding",
            again, first, again / first, "s", f"ours < {NEXT_START}", again < NEXT_START),
        Row.at_most(f"test of {BATCH} images with {MANY} names / {FEW} names", *seconds.values(), "s", 1.05),
    ]


def paper_size_row(rounds: int, clock: Clock) -> Row:
    """The same on ViLD-ensemble of the paper's size (R50-FPN, 256 channels, 512-d) with random weights."""
    config = load_config(config_of("vild-ensemble"))
    init_default_scope(config.default_scope)
    model = config.model
    model.backbone = {"type": "ResNet", "depth": 50, "norm_eval": True}
    model.neck.update(in_channels=[256, 512, 1024, 2048], out_channels=256)
    model.rpn_head.update(in_channels=256, feat_channels=256)
    model.test_cfg.rpn.update(nms_pre=1000, max_per_img=PAPER_REGIONS)
    model.test_cfg.rcnn.update(max_per_img=300)
    head = model.roi_head
    head.update(encoder=None, embed_dim=512)
    head.bbox_roi_extractor.update(out_channels=256, finest_scale=56)
    head.bbox_head.update(in_channels=256, num_shared_convs=4, conv_out_channels=256, fc_out_channels=1024)
    head.image_head.update(in_channels=256, convs=(4, 256), fcs=(2, 1024))
    detector = _build(config).eval()
    many = random_embeddings(made_up_names(MANY), 512, seed=0)
    few = TextEmbeddings(many.names[:FEW], many.embeddings[:FEW])
    height, width = PAPER_IMAGE
    sample = DetDataSample(metainfo={"img_shape": PAPER_IMAGE, "ori_shape": PAPER_IMAGE,
                                     "scale_factor": (1.0, 1.0)})
    pixels = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    batch = {"inputs": [pixels], "data_samples": [sample]}
    works = {f"{len(names)} names": test_step(detector, names, batch) for names in (many, few)}
    seconds = interleaved(works, rounds, clock=clock)
    return Row.at_most(f"test of an image of {height} x {width} px, {PAPER_REGIONS} regions, R50-FPN, with "
                       f"{MANY} names / {FEW} names", *seconds.values(), "s", 1.05)


def encoding_seconds(vocabulary: Vocabulary, encoder: FrozenEncoder,
                     clock: Clock) -> tuple[float, float, TextEmbeddings]:
    """Seconds of the first embedding of a vocabulary, of the next start's, and the embeddings."""
    seconds = []
    for _ in range(1 + STARTS):
        forget_embeddings()  # as a new process begins
        start = clock()
        embeddings = embed(vocabulary, encoder)
        seconds.append(clock() - start)
    return seconds[0], sorted(seconds[1:])[STARTS // 2], embeddings


def test_step(model: nn.Module, names: TextEmbeddings, batch: dict) -> Callable[[], object]:
    """Detection on a batch that is in memory, with these names."""
    @torch.inference_mode()
    def step() -> object:
        model.roi_head.set_vocabulary(names)
        return model.test_step(batch)

    return step
