"""Ray Data fills a cache: actors anywhere hold the models, this process alone writes.

Ray starts an actor that died anew and gives its group to another; what is finished is never asked for again.
"""
from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from clip_plugins.detection.filling import Group, Job, Request
from clip_plugins.errors import ClipPluginsError, ConfigError
from clip_plugins.store import Field, StoreWriter
from clip_plugins.store.fields import encode_entry, encode_key


class _Collector:
    """Takes the entries of one group as bytes."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self.fields = dict(fields)
        self.keys: list[bytes] = []
        self.entries: list[bytes] = []

    def put(self, entries: Mapping[int | str, Mapping[str, np.ndarray]]) -> None:
        """Encode entries as the store will hold them."""
        for identifier, arrays in entries.items():
            key = encode_key(identifier)
            self.keys.append(key)
            self.entries.append(encode_entry(key, dict(arrays), self.fields))


class Actor:
    """A process of the cluster with encoder and detector.

    Args:
        request: what is to be made.
        groups: all groups, by number.
    """

    def __init__(self, request: Request, groups: list[Group]) -> None:
        import clip_plugins  # noqa: F401  (registers everything)

        torch.set_num_threads(1)
        self.job, self.groups = Job(request), groups

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        """Numbers of groups -> one row a group: its keys and entries as bytes."""
        rows: dict[str, list[list[bytes]]] = {"keys": [], "entries": []}
        for number in batch["group"].tolist():
            fields = self.job.request.recipe.fields(self.job.encoder.embed_dim)
            collector = _Collector(fields)
            self.job.fill(collector, [self.groups[number]])
            rows["keys"].append(collector.keys)
            rows["entries"].append(collector.entries)
        return {name: _column(values) for name, values in rows.items()}


def fill_by_actors(writer: StoreWriter, groups: list[Group], request: Request, actors: int) -> None:
    """Fill a cache by a Ray cluster: that of `RAY_ADDRESS`, else one of this machine.

    Args:
        writer: of the cache, here; one transaction a group.
        groups: what is missing.
        request: what is to be made.
        actors: at least one; each takes a processor, and an accelerator where there are some.

    Raises:
        ConfigError: Ray isn't installed.
        ClipPluginsError: what an actor found wrong.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--launcher ray needs Ray; pip install 'clip_plugins[ray]'.") from error
    if not groups:
        return
    if not ray.is_initialized():
        own = {"num_cpus": max(2, actors), "include_dashboard": False}
        ray.init(log_to_driver=False, **({} if os.environ.get("RAY_ADDRESS") else own))
    logging.getLogger("ray.data").setLevel(logging.WARNING)  # the bar below tells how far it is
    ray.data.DataContext.get_current().enable_progress_bars = False
    numbers = [{"group": number} for number in range(len(groups))]
    rows = ray.data.from_items(numbers, override_num_blocks=len(groups)).map_batches(
        Actor,
        fn_constructor_args=(request, groups),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=max(1, actors)),
        num_cpus=1,
        num_gpus=1 if torch.cuda.is_available() else 0,
    )
    with tqdm(total=sum(map(len, groups)), unit="image", desc="proposals") as bar:
        try:
            for row in rows.iter_rows():
                writer.put_encoded(sorted(zip(row["keys"], row["entries"])))
                bar.update(len(row["keys"]))
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ClipPluginsError):
                raise type(error.cause)(str(error.cause)) from error
            raise


def _column(values: list[list[bytes]]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
