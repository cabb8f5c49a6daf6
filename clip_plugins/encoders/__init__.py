"""Frozen CLIP towers: the contract, the open_clip adapter, the shipped tiny models, sharing."""
from clip_plugins.encoders.backbone import CLIPBackbone
from clip_plugins.encoders.base import Encoder
from clip_plugins.encoders.open_clip import OpenCLIP
from clip_plugins.encoders.preprocess import Preprocess
from clip_plugins.encoders.sharing import FrozenEncoder, build_encoder, clear_shared_encoders
from clip_plugins.encoders.tiny import TinyCLIP
from clip_plugins.encoders.towers import TowerEncoder
from clip_plugins.encoders.weights import save_weights

__all__ = [
    "CLIPBackbone",
    "Encoder",
    "FrozenEncoder",
    "OpenCLIP",
    "Preprocess",
    "TinyCLIP",
    "TowerEncoder",
    "build_encoder",
    "clear_shared_encoders",
    "save_weights",
]
