"""Known troubles of the installed packages; reads their metadata alone, so it works where nothing imports."""
from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

# distributions that bring the same modules: pip overwrites one with the other without a word
SAME_FOLDER = (
    ("mmcv", ("mmcv", "mmcv-lite", "onedl-mmcv")),
    ("mmengine", ("mmengine", "mmengine-lite", "onedl-mmengine")),
    ("mmdet", ("mmdet", "onedl-mmdetection")),
    ("mmseg", ("mmsegmentation", "onedl-mmsegmentation")),
)
Installed = Callable[[str], "str | None"]


def installed_version(name: str) -> str | None:
    """Version of a distribution, None where it is absent."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def release(text: str | None) -> tuple[int, ...]:
    """The leading numbers of a version: '4.53.3' -> (4, 53, 3), '2.14.1+cpu' -> (2, 14, 1); () for None."""
    numbers = []
    for part in (text or "").split("+")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def clashes(installed: Installed = installed_version) -> list[str]:
    """Known troubles of the installed packages, one sentence with its cure each.

    Args:
        installed: name of a distribution -> its version, None where it is absent.
    """
    found = []
    if release(installed("setuptools")) >= (82,):
        found.append(f"setuptools {installed('setuptools')} has no pkg_resources, so mmengine can't read "
                     "configs with `_base_ = 'mmdet::...'`; pip install 'setuptools<82'.")
    for module, names in SAME_FOLDER:
        present = [name for name in names if installed(name)]
        if len(present) > 1:
            found.append(f"{' and '.join(present)} write to the same folder {module}; "
                         f"pip uninstall {' '.join(present)}, then install the one that you want.")
    return found + _transformers(installed) + _pairs(installed)


def _transformers(installed: Installed) -> list[str]:
    found, transformers = [], release(installed("transformers"))
    if installed("mmpretrain"):
        found.append("mmpretrain with transformers 5 breaks `import mmdet.models`; pip uninstall mmpretrain, "
                     "or pip install 'transformers<5' 'huggingface_hub<1' where you need it.")
    if transformers and transformers < (5,) and release(installed("huggingface_hub")) >= (1,):
        found.append(f"transformers {installed('transformers')} doesn't import with huggingface_hub "
                     f"{installed('huggingface_hub')}; pip install 'transformers>=5', or "
                     "'huggingface_hub<1' beside this transformers.")
    return found


def _pairs(installed: Installed) -> list[str]:
    found, torch, vision = [], release(installed("torch")), release(installed("torchvision"))
    if torch[:1] == (2,) and vision[:1] == (0,) and vision[1] != torch[1] + 15:
        found.append(f"torchvision {installed('torchvision')} isn't made for torch {installed('torch')}; "
                     f"pip install 'torchvision==0.{torch[1] + 15}.*'.")
    views = {name: installed(name) for name in ("opencv-python", "opencv-python-headless") if installed(name)}
    if len(set(views.values())) > 1:
        told = " and ".join(f"{name} {number}" for name, number in views.items())
        found.append(f"{told} write to the same folder cv2; install both in one version.")
    return found


def limits(installed: Installed = installed_version) -> list[str]:
    """What the installed packages can't do, without harm to this one; one sentence with its cure each."""
    if installed("mmdet") and release(installed("transformers")) >= (4, 54):
        return ["mmdet's own GLIP and Grounding DINO don't run with transformers "
                f"{installed('transformers')}; where you need them, pip install 'transformers==4.53.3' "
                "'huggingface_hub<1' in an environment of their own."]
    return []
