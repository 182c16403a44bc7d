"""A code is one of a named system and of what the findings give it to; anything else about codes is not supported."""

from __future__ import annotations

import pytest
from measured import findings_of
from XAIReportLib.report.grounding import check_sentence

FOUND = findings_of("left glioma")


@pytest.mark.parametrize(
    "sentence",
    [
        "Glioma is coded 108369006 (SNOMED CT).",
        "The suggested class is coded as Neoplasm (SNOMED CT 108369006) and Brain (SNOMED CT 12738006).",
        "108369006 is the SNOMED CT code for glioma.",
        "The left Insular Cortex has the RadLex code RID6472.",
        "The RadLex code of the left Insular Cortex is RID6472 (Insula).",
    ],
)
def test_the_codes_of_the_findings_may_be_said(sentence):
    checked = check_sentence(sentence, FOUND)
    assert (checked.verdict, [claim.kind for claim in checked.claims]) == ("supported", ["code"])


@pytest.mark.parametrize(
    "sentence",
    [
        "Glioma has the SNOMED CT code 393564001.",
        "The suggested class is coded 36169008 (SNOMED CT).",
        "The RadLex code of the left Insular Cortex is RID6440.",
        "The left Insular Cortex has the SNOMED CT codes 36169008 and 12738006.",
    ],
)
def test_another_code_is_contradicted_and_the_right_one_told(sentence):
    checked = check_sentence(sentence, FOUND)
    assert checked.verdict == "contradicted"
    assert any(value in checked.reason for value in ("108369006", "RID6472", "36169008"))


@pytest.mark.parametrize(
    "sentence",
    [
        "Meningioma is coded 108369006 (SNOMED CT).",
        "The RadLex code of the right Insular Cortex is RID6472.",
        "The left Insular Cortex does not have the RadLex code RID6472.",
        "The left Frontal Pole has the SNOMED CT code 36169008.",
        "ICD-10 C71.1 is the code of glioma.",
        "The ICD-O-3 code of glioma is 9380/3.",
        "The left Insular Cortex has the code RID6472.",
        "Glioma is the parent concept of Neoplasm (SNOMED CT 108369006).",
        "The left Insular Cortex has the RadLex code RID6472, and the lesion is malignant.",
        "The left Insular Cortex, which was resected, has the RadLex code RID6472.",
        "Glioma is coded in SNOMED CT.",
        "Glioma is coded 108369006 in SNOMED CT and RadLex.",
    ],
)
def test_what_else_is_said_of_codes_is_unsupported(sentence):
    assert check_sentence(sentence, FOUND).verdict == "unsupported"


def test_without_a_suggestion_no_class_has_a_code():
    assert check_sentence("Glioma is coded 108369006 (SNOMED CT).", findings_of("no lesion")).verdict == "unsupported"
