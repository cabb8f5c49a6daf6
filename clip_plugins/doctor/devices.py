"""What there is to compute on."""
from __future__ import annotations

from clip_plugins.doctor.findings import Findings


def read_devices(findings: Findings) -> None:
    """CPU threads, and every GPU with its memory."""
    import torch

    findings.facts.append(f"CPU, {torch.get_num_threads()} threads, bfloat16 "
                          f"{'in' if torch.backends.mkldnn.is_available() else 'not in'} oneDNN")
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        findings.facts.append(f"cuda:{index} {card.name}, {card.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        findings.facts.append("mps (Apple)")
    if torch.version.cuda and not torch.cuda.is_available():
        findings.facts.append(f"no GPU answers (this torch is built for CUDA {torch.version.cuda})")
