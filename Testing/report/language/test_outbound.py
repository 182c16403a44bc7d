"""What a language model is given can be used: its example sentences pass the check, and what it may cite stays where it was."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "languages"))

from rich_cases import CASES, findings_of
from XAIReportLib.report import narrative, outbound
from XAIReportLib.report.pointers import resolve


@pytest.mark.parametrize("form", outbound.FORMS)
def test_every_form_that_is_named_is_a_sentence_of_the_template(form):
    """Those of the template are supported, which other tests hold. A word that was changed there is to be changed here too."""
    pattern = re.compile(re.sub(r"\b[A-Z]+(?=\b)", "(.+?)", re.escape(form)).replace("left", "(?:left|right)"))
    said = [s.text for case in CASES for s in narrative.write(findings_of(case)).sentences]
    assert any(pattern.fullmatch(text) for text in said), pattern.pattern


@pytest.mark.parametrize("case", CASES)
def test_every_place_that_is_given_is_that_of_the_findings(case):
    document = findings_of(case).model_dump(mode="json")

    def walk(part, pointer=""):
        if isinstance(part, dict | list):
            for key, value in part.items() if isinstance(part, dict) else enumerate(part):
                walk(value, f"{pointer}/{key}")
        else:
            assert resolve(document, pointer) == part, pointer

    walk(outbound.facts(findings_of(case)))


def test_it_fits_into_the_window_of_a_small_model():
    """4096 tokens with the answer: a token of such JSON has about three characters."""
    question = max((outbound.question(findings_of(case)) for case in CASES), key=lambda q: len(q.facts))
    assert len(question.rules) + len(question.facts) < 9000
    assert json.loads(question.facts)
