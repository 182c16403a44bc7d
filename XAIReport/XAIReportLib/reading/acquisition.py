"""What a DICOM header says of how the series was acquired. No text of the header leaves this file: it may name a patient."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Protocol

TAGS = ("ContrastBolusAgent", "SeriesDescription", "ProtocolName", "EchoTime", "EffectiveEchoTime")

# How scanners and people write it -> words, in this order. Names are English, German, French, Spanish or Italian.
SPELLINGS = (
    (r"_", " "),
    (r"\bn[./]a\b", " unknown "),
    (r"\b(?:w[ ./\\]?o|s/c)\b", " without "),
    (r"\bc/c\b|\bm\.d\.c\b", " mdc "),
    (r"\bw/", " with "),
    (r"\bww(?= without\b)|\bwwo\b", " with without "),
    (r"\bc ?-(?!\s*\w)|(?<=\s)-c\b|\bo\.? ?km\b", " without mdc "),
    (r"\bc ?\+|\+ ?ce?\b(?![ -]*sp)|\bt1w?-?ce?\b(?![ -]*sp)", " mdc "),  # not "+ C-spine"
    (r"[/&+]", " and "),
    (r"[^a-z0-9]+", " "),
)
AND = r"(?:and|or|nor|und|oder|et|ou|y|e|o)"
AGENT = r"(?:[ck]ontrast\w*|gad\w*|gd(?:dtpa)?|km|mdc|ce|inj\w*)"
WITH = r"(?:with|w|mit|avec|con)"
WITHOUT = r"(?:without|ohne|sans|sin|senza)"
NOT = rf"(?:{WITHOUT}|wo|no|non|not|pas|nein|nicht|niente|kein\w*|aucun\w*|ningun\w*|nessun\w*)"
BEFORE = r"(?:pre|before|prior|vor|avant|antes|prima)"
AFTER = r"(?:post|after|nach|apres|despues|dopo)"
# Neither says anything of the series at hand: a protocol of two series, and a word about something else.
BOTH = re.compile(
    rf"\b(?:{WITH} (?:{AND} )?{WITHOUT}|{WITHOUT} {AND} {WITH}"
    rf"|{BEFORE} (?:{AND} )?{AFTER}|{AFTER} {AND} {BEFORE})\b(?: {AGENT})?"
)
ELSE = re.compile(
    rf"\b{NOT} ?(?:fs|fat(?: ?s[au][tp]\w*)?|fett\w*|graisse|grasa|grasso|sat\w*|spair|spir|stir|dixon|mt|mtc|gap|fc|flow|motion"
    rf"|ionic|iso\w*|\d+)\b(?! {AND} )"
    r"|\b(?:pre|post|after) ?(?:op|surg|resect|biops|treat|therap|tx|rt|rx|radi|chemo|process|proc|traum|ictal|part|stim|mort"
    r"|implant|ablat|shunt|dbs|scan|label|contour|fossa|recon)\w*"
    r"|\b(?:phasen?|transfer|flow|motion|multi|dual|high|low|soft|gr[ae]y|image|tissue|bold|t2w?) ?[ck]ontrast\w*"
    r"|\bcontrast\w* (?:d[ei] )?(?:fase|phase)"
)
WITHOUT_AGENT = re.compile(
    rf"\b(?:t1w?)?(?:{NOT}|{BEFORE}) ?(?:{AGENT}|con|enh\w*)?\b"
    r"|\b(?:none|nil|plain|nativ\w*|natif\w*|basale|unenhanced|nce?|contrast free)\b"
)
WITH_AGENT = re.compile(rf"\b(?:t1w?)?(?:post|with|w|m|mit)?{AGENT}\b|\b(?:t1w?)?post(?:con)?\b")
# What the tag of the agent itself may hold.
NO_AGENT = re.compile(r"(?:n|nein|off|false|[0 ]+(?:ml|cc)?)")
UNKNOWN_AGENT = re.compile(
    r"\b(?:na|x+|tbd|unknown|unspecified|undefined|unbekannt|inconnu|desconocid[oa]|sconosciut[oa])\b|^$"
)


class Tags(Protocol):
    """A data set, or a frame's tags wherever the file keeps them."""

    def get(self, keyword: str) -> Any: ...


@dataclass(frozen=True)
class Acquisition:
    """``modality``: DICOM code. ``echo_time_ms``: None when not given. ``contrast_agent``: whether the header names one in its
    own tag or in the series' name, and no word of the two denies it."""

    modality: str
    echo_time_ms: float | None
    contrast_agent: bool


def acquisition_of(header: Tags) -> Acquisition:
    """What the header of one slice or frame says."""
    said = {_by_agent(header), _by_name(header, "SeriesDescription"), _by_name(header, "ProtocolName")}
    named = True in said and False not in said
    return Acquisition(str(header.get("Modality") or "OT"), _milliseconds(header), named)


def _by_agent(header: Tags) -> bool | None:
    """Whether the tag of the agent names one; None where it holds nothing that can be used."""
    words = _words(header.get("ContrastBolusAgent"))
    if NO_AGENT.fullmatch(words) or WITHOUT_AGENT.search(words):
        return False
    return None if UNKNOWN_AGENT.search(words) else True


def _by_name(header: Tags, tag: str) -> bool | None:
    """Whether the series' name tells of an agent; None where it tells nothing. A word against it outweighs all for it."""
    words = _words(header.get(tag))
    if WITHOUT_AGENT.search(words):
        return False
    return True if WITH_AGENT.search(words) else None


def _words(text: Any) -> str:
    """Plain words of a tag: one case, no accents or signs, and none that are about anything but this series' agent."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", str(text or ""))  # "T1PostGd"
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode().casefold()
    for pattern, words in SPELLINGS:
        plain = re.sub(pattern, words, plain)
    return " ".join(ELSE.sub(" ", BOTH.sub(" ", plain)).split())


def _milliseconds(header: Tags) -> float | None:
    value = header.get("EchoTime")
    value = header.get("EffectiveEchoTime") if value is None else value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
