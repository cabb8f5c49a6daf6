"""id -> arrays on disk: transactions, checksums, manifest, fingerprint."""
from clip_plugins.store.fields import Field
from clip_plugins.store.manifest import Fingerprint, Manifest
from clip_plugins.store.reader import Store
from clip_plugins.store.shards import absorb_shards, describe_shards, merge_stores, seal_shards, shard_path
from clip_plugins.store.writer import StoreWriter

__all__ = [
    "Field",
    "Fingerprint",
    "Manifest",
    "Store",
    "StoreWriter",
    "absorb_shards",
    "describe_shards",
    "merge_stores",
    "seal_shards",
    "shard_path",
]
