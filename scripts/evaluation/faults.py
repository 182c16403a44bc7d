"""The worker killed at every stage: ``python scripts/evaluate.py faults``, or scripts/faults.py, which does it."""

from __future__ import annotations

from typing import Any

from faults import main  # noqa: F401 - what ``evaluate.py faults`` runs


def section(measured: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    rows = [
        f"| {name} | {told['kills']} | {told['clean']} | {told['slowest_s']:.2f} s | {'yes' if told['works'] else 'no'} |"
        for name, told in measured["stages"].items()
    ]
    return [
        f"## The worker killed at every stage ({measured['machine']})",
        "",
        "SIGKILL to the worker of a tiny case while the panel waits. Clean: the panel names the cause, the process is gone, the",
        "scene is as before, Analyze is ready. Then a whole analysis must succeed.",
        "",
        "| stage | kills | clean | slowest until ready | next analysis works |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]
