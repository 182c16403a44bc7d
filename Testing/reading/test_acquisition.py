"""Whether a DICOM header names a contrast agent; where words disagree or say nothing, none is claimed."""

from __future__ import annotations

import pytest
from XAIReportLib.reading.acquisition import acquisition_of

NAMED = """
    AX T1 POST | AX T1 POST NO FS | T1 C+ NON FS | AX T1 POST GD WITHOUT FS | AX T1 POSTGAD | T1 W GD | T1 W/ CONTRAST
    t1_mprage_sag +C | t1_mprage_sag_+C | T1C | T1-C | T1CE | CE-T1 | T1W CE | t1_post_gd | T1PostGd | t1postgd | T1+C | T1 + GD
    AX T1 +C FS | SAG T1 C+ | POSTCONTRAST | post-contrast | Post_Contrast T1 | Contrast enhanced | AX T1 POST NOFS | T1 post nonFS
    T1 POST NO FATSAT | T1 POST W/O FAT SAT | T1 POST no gap | T1 pre-op post GD | AX T1 POST SERIES NO 5 | T1 W/CONTRAST
    T1 KM | t1 mit KM | T1 nach KM | T1 mKM | T1 Kontrastmittel | T1 KM ohne Fettsättigung | T1 TSE KM ohne FS | T1 mit Kontrast
    T1 GADO | T1 INJ | T1 après injection | T1 avec gadolinium | T1 INJECTÉ sans FS | T1 con contraste | T1 C/C | T1 tras gadolinio
    T1 CON GD SIN GRASA | T1 con mdc | T1 dopo m.d.c. | T1 POST MDC senza FS | T1 con mezzo di contrasto
"""
DENIED = """
    AX T1 W/O CONTRAST | AX T1 W/O GD | T1 wo contrast | T1 noncontrast | T1 PRECONTRAST | T1 sin contraste | T1 pre contrast
    AX_T1_WO_CONTRAST | AX_T1_W_O_CONTRAST | ax-t1-without-contrast | T1 Non-Contrast | T1 NON CONTRAST | T1 no contrast | T1_PRE
    T1 pre-GD | T1 pregad | T1preGd | T1 unenhanced | T1 W.O. CONTRAST | T1 C- | T1 -C | T1 PLAIN GD | contrast-free T1 | T1noGd
    AX T1 FS W/O CONTRAST | T1 NO FS NO CONTRAST | T1 W/O FS AND CONTRAST | T1 NON-ENHANCED POST-OP | T1 before contrast | T1 NCE
    t1 ohne KM | T1 o. KM | T1 oKM | T1 nativ | T1 vor KM | T1 ohne Kontrastmittel FS | T1 kein KM | T1 nativ, ohne KM-Gabe
    T1 sans injection | T1 SANS GADO | T1 avant gado | T1 sans produit de contraste | T1 natif | T1 pas d'injection | T1 S/C
    T1 sin gadolinio | T1 antes de contraste | T1 senza mdc | T1 senza mezzo di contrasto | T1 prima del m.d.c. | T1 nativa
    T1 KM: nein | T1 mdc: no | T1 contrasto: niente | T1 prior to contrast | T1 non con | T1 PRECON
    AX T1 POST GD, no contrast | T1 post and pre KM sans contraste
"""
SILENT = """
    AX T1 | phase contrast | PHASE_CONTRAST | Phase-Contrast Angio | Phasenkontrast | contraste de fase | contraste de phase
    contrasto di fase | contrast phase | T1 post-op | T1 POSTOP | T1_post_op | post surgery | POST RESECTION | T1 post-processed
    posterior fossa | T1 pre-op | T1 W WO CONTRAST | BRAIN W/WO CONTRAST | HEAD W & W/O CONTRAST | brain with and without contrast
    MRI_BRAIN_WWO | mit und ohne KM | avec et sans gado | con y sin contraste | con e senza mdc | pre/post contrast
    BRAIN + C-SPINE | T1 C-SPINE | T1 NO FS | T1 w/o fat sat | T1 ohne FS | T1 high contrast | cortex | cecum | gap 2
    secret description
"""
AGENT_NAMED = (
    "Gadovist | 7 ml Dotarem | Magnevist | MultiHance | Gd-DTPA | non-ionic gadolinium | CONTRAST | IV | YES | 20 cc"
)
NO_AGENT = """
    NONE | NO CONTRAST | No contrast | NO_CONTRAST | no-contrast | W/O CONTRAST | w/o | None given | Nil | N | No | ohne | ohne KM
    aucun | Aucune injection | kein | keines | sin contraste | ninguno | Ningún | nessuno | senza mdc | sans | not given | non | OFF
    nicht gegeben | 0 | 0 ml | 0.0 | without Gadovist | native | non-contrast | Kontrastmittel: nein | GADOLINIUM NOT GIVEN
"""
AGENT_UNKNOWN = (
    "- | -- | ? | . | Unknown | N/A | n.a. | NA | unbekannt | inconnu | desconocido | sconosciuto | xx | 造影剤 | ' '"
)


def each(table: str) -> list[str]:
    return [entry.strip().strip("'") for line in table.strip().splitlines() for entry in line.split("|")]


def named(**tags: object) -> bool:
    return acquisition_of(tags).contrast_agent


@pytest.mark.parametrize("tag", ["SeriesDescription", "ProtocolName"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [*((text, True) for text in each(NAMED)), *((text, False) for text in each(DENIED) + each(SILENT))],
)
def test_a_series_name_tells_of_an_agent_only_where_no_word_is_against_it(tag: str, text: str, expected: bool) -> None:
    for written in (text, text.upper(), text.lower(), text.replace(" ", "_")):
        assert named(**{tag: written}) is expected, written


@pytest.mark.parametrize("text", each(DENIED))
def test_a_name_without_agent_outweighs_a_tag_with_one(text: str) -> None:
    assert named(SeriesDescription=text, ContrastBolusAgent="Gadovist") is False
    assert named(SeriesDescription=text, ProtocolName="T1 POST GD") is False


@pytest.mark.parametrize("text", each(SILENT))
def test_a_name_that_says_nothing_leaves_it_to_the_other_tags(text: str) -> None:
    assert named(SeriesDescription=text, ContrastBolusAgent="Gadovist") is True
    assert named(SeriesDescription=text, ContrastBolusAgent="NONE") is False
    assert named(SeriesDescription=text, ProtocolName="T1 POST GD") is True


@pytest.mark.parametrize("agent", each(AGENT_NAMED))
def test_an_agent_in_its_own_tag_is_named(agent: str) -> None:
    assert named(ContrastBolusAgent=agent) is True
    assert named(ContrastBolusAgent=agent.lower()) is True


@pytest.mark.parametrize("agent", each(NO_AGENT))
def test_a_tag_that_says_none_outweighs_a_name_with_an_agent(agent: str) -> None:
    for written in (agent, agent.upper(), f" {agent} "):
        assert named(ContrastBolusAgent=written) is False, written
        assert named(ContrastBolusAgent=written, SeriesDescription="T1 POST GD") is False, written


@pytest.mark.parametrize("agent", [*each(AGENT_UNKNOWN), "", None])
def test_a_tag_that_is_unknown_or_empty_leaves_it_to_the_name(agent: str | None) -> None:
    assert named(ContrastBolusAgent=agent) is False
    assert named(ContrastBolusAgent=agent, SeriesDescription="T1 POST GD") is True


def test_a_header_that_says_nothing_names_no_agent() -> None:
    assert named() is False
