"""Who serves mmcv's operators in a Python that has not imported this package."""
from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec

from clip_plugins.compat import boot_line
from clip_plugins.doctor.findings import Findings

SECONDS = 300
PROBE = """
from importlib.util import find_spec
if find_spec("mmcv") is None:
    print("absent")
elif find_spec("mmcv._ext") is None:
    print("nobody")
else:
    from mmcv import _ext
    print("stand-in" if hasattr(_ext, "__stand_in__") else "compiled")
"""
IMPORTS = """
import sys
from importlib import import_module
for module in sys.argv[1:]:
    try:
        import_module(module)
        print(f"{module}: works", flush=True)
    except Exception as error:
        told = (str(error).strip().splitlines() or [""])[-1]
        print(f"{module}: {type(error).__name__}: {told}", flush=True)
"""
TOLD = {"stand-in": "stand-in (torchvision and PyTorch)", "compiled": "compiled mmcv", "nobody": "nobody",
        "absent": "mmcv is not installed"}
# as the sentences of troubles; {error} is the last line of what Python said
CURES = {
    "absent": "mmdet and mmseg need mmcv and it is missing; pip install 'mmcv-lite>=2.0.1,<2.2'.",
    "nobody": "mmcv has no compiled operators and nothing answers for them before clip_plugins is imported, "
              "so mmdet's own tools/test.py fails; python -m clip_plugins.compat enable.",
    "broken": "mmcv's compiled operators don't load ({error}); pip uninstall mmcv and pip install "
              "'mmcv-lite>=2.0.1,<2.2', or build mmcv for this torch.",
}
USERS = ("mmdet", "mmseg")


def fresh_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python of this environment, in a folder that brings no modules."""
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=tempfile.gettempdir(),
                          capture_output=True, text=True, timeout=SECONDS)


def last_line(text: str) -> str:
    """What Python said last."""
    return (text.strip().splitlines() or ["no message"])[-1]


def read_operators(findings: Findings) -> None:
    """Operators as mmdet's own tools meet them; a trouble only where mmdet or mmseg could use them."""
    run = fresh_python(PROBE)
    state = last_line(run.stdout) if run.returncode == 0 else "broken"
    findings.facts.append(f"mmcv operators: {TOLD.get(state, 'broken')}")
    place = "in" if boot_line.is_enabled() else "not in"
    findings.facts.append(f"boot line: {place} {boot_line.boot_file()}")
    if state in CURES and any(find_spec(name) for name in USERS):
        findings.troubles.append(CURES[state].format(error=last_line(run.stderr)))


def read_imports(findings: Findings) -> None:
    """Import the models of mmdet and mmseg where installed, then the package, in a new Python."""
    modules = [*(f"{name}.models" for name in USERS if find_spec(name)), "clip_plugins"]
    run = fresh_python(IMPORTS, *modules)
    told = dict(line.split(": ", 1) for line in run.stdout.splitlines() if line.split(": ")[0] in modules)
    for module in modules:
        state = told.get(module, f"Python ended with {run.returncode}: {last_line(run.stderr)}")
        findings.facts.append(f"import {module}: {'works' if state == 'works' else 'fails'}")
        if state != "works":
            findings.troubles.append(f"`import {module}` fails ({state}); cure the troubles above, or "
                                     "install the tested stack: pip install -c constraints.txt.")
