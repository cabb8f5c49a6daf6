"""CLIPasso: sketches of Bézier strokes, drawn by optimisation."""
from clip_plugins.sketch.augment import JointViews
from clip_plugins.sketch.diffvg import PydiffvgRasteriser
from clip_plugins.sketch.losses import CLIPassoLoss, EdgeLoss, PlainEmbeddingLoss, SketchObjective
from clip_plugins.sketch.masks import AlphaMask, FileMask, ModelMask
from clip_plugins.sketch.model import Sketch, Sketcher
from clip_plugins.sketch.rasteriser import TorchRasteriser, render
from clip_plugins.sketch.recognition import SketchJudge
from clip_plugins.sketch.runner import SketchRunner
from clip_plugins.sketch.start import StrokeStart
from clip_plugins.sketch.strokes import Strokes
from clip_plugins.sketch.svg import read_svg, write_svg

__all__ = [
    "AlphaMask",
    "CLIPassoLoss",
    "EdgeLoss",
    "FileMask",
    "JointViews",
    "ModelMask",
    "PlainEmbeddingLoss",
    "PydiffvgRasteriser",
    "Sketch",
    "SketchJudge",
    "SketchObjective",
    "SketchRunner",
    "Sketcher",
    "StrokeStart",
    "Strokes",
    "TorchRasteriser",
    "read_svg",
    "render",
    "write_svg",
]
