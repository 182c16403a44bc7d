"""A true sentence is read however its letters, spaces and marks are set; another number is not."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import pytest
from rich_cases import findings_of
from word_mutations import LANGUAGES
from XAIReportLib.report import narrative
from XAIReportLib.report.grounding.quotes import sentences
from XAIReportLib.report.grounding.translated import checker_of
from XAIReportLib.report.languages.typography import one_way

CASES = ("left glioma, edited", "limited registration, measured", "picture", "not applicable")
DATA_SET = "Jun Cheng, brain tumor dataset (Figshare 1512427)"
WAYS = {
    "decomposed letters": lambda text: unicodedata.normalize("NFD", text),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "two spaces": lambda text: text.replace(" ", "  "),
    "no space before %": lambda text: text.replace(" %", "%"),
    "no space before a unit": lambda text: re.sub(r"(?<=\d) (?=m[lm]\b)", "", text),
    "no space before : and ;": lambda text: re.sub(r" (?=[:;])", "", text),
    "a space before : and ;": lambda text: re.sub(r"(?<=\S)(?=[:;] )", "\u202f", text),
    "x": lambda text: text.replace("×", "x"),
    "x without spaces": lambda text: text.replace(" × ", "x"),
    "mL": lambda text: text.replace(" ml", " mL"),
    "no-break hyphen": lambda text: text.replace("-", "\u2011"),
    "en dash": lambda text: text.replace("-", "–"),
    "soft hyphen and hyphen": lambda text: text.replace("-", "\u00ad-"),
    "soft hyphens in words": lambda text: re.sub(r"(?<=[a-zäöüß]{4})(?=[a-zäöüß]{4})", "\u00ad", text),
    "ss": lambda text: text.replace("ß", "ss"),
    "typographic apostrophe": lambda text: text.replace("'", "’"),
    "modifier apostrophe": lambda text: text.replace("'", "ʼ"),
    "zero-width space": lambda text: text.replace(" ", " \u200b"),
    "no full stop": lambda text: text.rstrip("."),
    "first letter small": lambda text: text[0].lower() + text[1:],
    "first letter small, no full stop": lambda text: text[0].lower() + text[1:].rstrip("."),
    "guillemets": lambda text: text.replace(DATA_SET, f"«\u00a0{DATA_SET}\u00a0»"),
    "German quotation marks": lambda text: text.replace(DATA_SET, f"„{DATA_SET}“"),
}


@cache
def true_sentences(code: str) -> tuple[tuple[str, str], ...]:
    told = ((case, s.text) for case in CASES for s in narrative.write(findings_of(case), code).sentences)
    return tuple(dict.fromkeys((case, piece) for case, text in told for piece in sentences(text)))


checker = cache(lambda case, code: checker_of(findings_of(case), code))


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("way", WAYS)
def test_a_true_sentence_stays_one(way: str, code: str) -> None:
    set_otherwise = [(case, WAYS[way](text)) for case, text in true_sentences(code) if WAYS[way](text) != text]
    assert set_otherwise or any(WAYS[way](text) != text for other in LANGUAGES for _, text in true_sentences(other))
    refused = [said for case, said in set_otherwise if checker(case, code).sentence(said).verdict != "supported"]
    assert refused == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_decimal_point_is_another_number(code: str) -> None:
    pointed = [(case, re.sub(r"(\d),(\d)", r"\1.\2", text)) for case, text in true_sentences(code)]
    changed = [one for one, before in zip(pointed, true_sentences(code), strict=True) if one != before]
    assert len(changed) > 20
    assert [text for case, text in changed if checker(case, code).sentence(text).verdict == "supported"] == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Modell\u00adScore", "Modell-Score"),
        ("Auffällig\u00adkeit", "Auffälligkeit"),
        ("60×70 x 30", "60 x 70 x 30"),
        ("4,45 mL : 100,0 %", "4,45ml: 100,0%"),
        ("eins – zwei", "eins – zwei"),
    ],
)
def test_what_can_be_written_in_several_ways_is_written_in_one(written: str, read: str) -> None:
    assert one_way(written) == read
    assert one_way(read) == read
