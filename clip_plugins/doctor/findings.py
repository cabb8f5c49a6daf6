"""What a doctor's look finds: facts, limits that do no harm, and troubles with their cures."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Findings:
    """What one part of the environment is like.

    Args:
        title: of the part.
        facts: one line each.
        notes: what is worth knowing and no trouble, one sentence each.
        troubles: what is wrong and its cure, one sentence each.
    """

    title: str
    facts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def look(title: str, into: Callable[[Findings], None]) -> Findings:
    """Let a function write its findings; an examination that fails is itself a trouble.

    Args:
        title: of the part.
        into: writes facts, notes and troubles.
    """
    findings = Findings(title)
    try:
        into(findings)
    except Exception as error:  # in a broken environment anything may come out of an import
        findings.troubles.append(f"the {title} can't be examined ({type(error).__name__}: "
                                 f"{first_line(error)}); cure the other troubles first, or install "
                                 "clip_plugins again.")
    return findings


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or ["no message"])[0]


def report(parts: list[Findings]) -> str:
    """All findings as text: facts part by part, then notes, then numbered troubles."""
    lines = []
    for part in parts:
        lines += [part.title, *(f"  {fact}" for fact in part.facts)]
    lines += [f"note: {note}" for part in parts for note in part.notes]
    troubles = [trouble for part in parts for trouble in part.troubles]
    lines += [f"trouble {number}: {trouble}" for number, trouble in enumerate(troubles, 1)]
    return "\n".join(lines if troubles else [*lines, "all well"])
