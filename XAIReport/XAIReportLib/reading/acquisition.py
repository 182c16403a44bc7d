"""What a DICOM header says of how the series was acquired. No text of the header leaves this file: it may name a patient."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Protocol

TAGS = ("ContrastBolusAgent", "SeriesDescription", "ProtocolName", "EchoTime", "EffectiveEchoTime")
NO_AGENT = re.compile(r"^\s*(none|no|n/?a|0|off|without.*)?\s*$", re.IGNORECASE)
WITH_AGENT = re.compile(
    r"\+\s*c\b|\bc\s*\+|\bgd\b|\bgado?|\bpost\b|contrast|\bce\b|\bt1-?(c|ce|gd|km)\b|\bkm\b", re.IGNORECASE
)
WITHOUT_AGENT = re.compile(r"\b(pre|non|no|without|nativ|native|ohne|sans)\b", re.IGNORECASE)


class Tags(Protocol):
    """A data set, or a frame's tags wherever the file keeps them."""

    def get(self, keyword: str) -> Any: ...


@dataclass(frozen=True)
class Acquisition:
    """``modality``: DICOM code. ``echo_time_ms``: None when not given. ``contrast_agent``: whether the header names one in its
    own tag or in the series' name."""

    modality: str
    echo_time_ms: float | None
    contrast_agent: bool


def acquisition_of(header: Tags) -> Acquisition:
    """What the header of one slice or frame says."""
    agent = str(header.get("ContrastBolusAgent") or "")
    named = " ".join(str(header.get(tag) or "") for tag in ("SeriesDescription", "ProtocolName")).replace("_", " ")
    by_name = bool(WITH_AGENT.search(named)) and not WITHOUT_AGENT.search(named)
    return Acquisition(str(header.get("Modality") or "OT"), _milliseconds(header), by_name or not NO_AGENT.match(agent))


def _milliseconds(header: Tags) -> float | None:
    value = header.get("EchoTime")
    value = header.get("EffectiveEchoTime") if value is None else value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
