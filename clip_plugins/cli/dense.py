"""`tools/encode_dense.py`: pixel embeddings of pictures into a store."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import print_log
from tqdm import tqdm

from clip_plugins.cli.inference import find_images
from clip_plugins.errors import ConfigError, DataError
from clip_plugins.proposals.cache import fingerprint_file
from clip_plugins.segmentation import OpenVocabularySegmentor
from clip_plugins.segmentation.dense_store import dense_entry, dense_fields, pooled
from clip_plugins.store import StoreWriter
from clip_plugins.training.trained import load_model

GROUP = 8  # images a transaction


def encode_dense(source: str | Path, config: Config, checkpoint: str | Path | None, out: str | Path, *,
                 dtype: str = "fp16", pool: int = 1, device: str | None = None) -> int:
    """Write the embeddings of every picture that the store lacks.

    Args:
        source: a picture or a folder; ids are paths below it.
        config: of a segmentor with pixel embeddings.
        checkpoint: its weights; None takes the model as it is built.
        out: folder of the store.
        dtype: 'fp32', 'fp16' or 'int8' (a scale a pixel).
        pool: cells of so many embeddings a side become one.
        device: default: CUDA where there is one.

    Returns:
        how many pictures were encoded.

    Raises:
        ConfigError: another kind of model.
        CacheError: the store was made with another model, or otherwise.
        DataError: some pictures couldn't be read; all others are in the store by then.
    """
    if pool < 1:
        raise ConfigError(f"pool is {pool}; give a whole number from 1 on.")
    model, pipeline = load_model(config, checkpoint, device=device)
    if not isinstance(model, OpenVocabularySegmentor):
        raise ConfigError(f"{type(model).__name__} is no open-vocabulary segmentor; use clip_plugins.LSeg.")
    root = Path(source) if Path(source).is_dir() else Path(source).parent
    paths = {str(path.relative_to(root)): path for path in find_images(source)}
    weights = "none" if checkpoint is None else fingerprint_file(checkpoint)
    about = {"kind": "dense", "model": Path(str(config.filename)).stem, "weights": weights, "pool": pool,
             "dtype": dtype, "embed_dim": model.embed_dim}
    with StoreWriter(out, about, dense_fields(model.embed_dim, dtype)) as writer:
        missing = writer.missing(paths)
        unread = _encode({name: paths[name] for name in missing}, model, pipeline, pool, writer)
        if unread:
            raise DataError(f"{len(unread)} of {len(paths)} pictures couldn't be encoded; the first: "
                            f"{unread[0]}")
        writer.complete()
    print_log(f"{len(missing)} of {len(paths)} pictures encoded into {out}", logger="current")
    return len(missing)


@torch.inference_mode()  # not round the building of the model: its weights would be no ordinary tensors
def _encode(paths: Mapping[str, Path], model: OpenVocabularySegmentor, pipeline: Callable, pool: int,
            writer: StoreWriter) -> list[str]:
    """Put the embeddings of every picture that can be read into the store; gives the others' errors."""
    unread: list[str] = []
    group: dict[str, dict] = {}
    for name, path in tqdm(paths.items(), desc="encoding", unit="image"):
        try:
            data = model.data_preprocessor(pseudo_collate([pipeline({"img_path": str(path)})]))
        except DataError as error:
            unread.append(str(error))
            continue
        size = data["data_samples"][0].metainfo["ori_shape"]
        group[name] = dense_entry(pooled(model.pixel_embeddings(data["inputs"]), pool)[0], size)
        if len(group) == GROUP:
            writer.put(group)
            group = {}
    if group:
        writer.put(group)
    return unread
