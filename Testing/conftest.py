# ruff: noqa: ARG001 - pytest names a hook's arguments
"""In CI everything is installed: there, a test that is skipped for a missing package has failed."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any

import pytest

# A shell's background ignores the signal, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

MISSING = ("not installed", "could not import", "is missing", "no module named", "needs package")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _strict((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file may be skipped while it is imported."""
    return _strict((yield))


def _strict(report: Any) -> Any:
    if report.skipped and os.environ.get("CI") == "true" and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2])
        if any(sign in reason.lower() for sign in MISSING):
            report.outcome, report.longrepr = "failed", f"Skipped for a missing package, which CI must have: {reason}"
    return report
