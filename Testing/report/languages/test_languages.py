"""The report says the same in every language, and its text is read back and compared with the findings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import XAIReportLib
from hypothesis import HealthCheck, given, settings
from phantom_case import phantom_of_two_classes
from rich_cases import CASES, findings_of
from wild_findings import wild_findings
from word_lists import NEVER
from word_mutations import KINDS, LANGUAGES, mutated, template
from XAIReportLib.report import narrative
from XAIReportLib.report.findings import Findings
from XAIReportLib.report.grounding import check_sentence
from XAIReportLib.report.grounding.translated import checker_of, named
from XAIReportLib.report.languages import catalogue, language
from XAIReportLib.report.languages.grammar import Slot, parts
from XAIReportLib.report.languages.never import never_said
from XAIReportLib.report.languages.recognition import language_of
from XAIReportLib.report.languages.typography import one_way
from XAIReportLib.results import SaliencyCheck

ENGINE = Path(XAIReportLib.__file__).parent
QUOTED = re.compile(r"/prediction/reason|/anatomy/registration/reason|/anatomy/midline_shift/method|/warnings/\d+")
SAMPLE = 120  # false sentences of a kind and language; scripts/evaluate.py language takes all
slow = [HealthCheck.too_slow, HealthCheck.data_too_large]


# --- the catalogue holds everything ---------------------------------------------------------------------------------------


def missing_sentences(findings: Findings) -> list[str]:
    """Sentences of the English template that some language lacks; a quoted reason or warning may be lacking."""
    words = [language(code).of(named(findings)) for code in LANGUAGES]
    return [
        f"report/languages/sentences/ has no pattern for: {sentence.text}"
        for sentence in narrative.write(findings).sentences
        if not all(QUOTED.fullmatch(place) for place in sentence.evidence)
        and any(one.said(sentence.text) is None for one in words)
    ]


@settings(max_examples=120, deadline=None, suppress_health_check=slow)
@given(wild_findings())
def test_every_sentence_of_the_template_exists_in_every_language(findings):
    assert missing_sentences(findings) == []


@pytest.mark.parametrize("case", CASES)
def test_every_sentence_of_the_cases_exists_in_every_language(case):
    assert missing_sentences(findings_of(case)) == []


def slice_with_geometry(plane: str | None, side: str | None) -> Findings:
    """The picture of the cases as one slice that has a geometry, with its match with the template."""
    content = findings_of("picture, measured").model_dump(mode="json")
    content["image"] |= {"kind": "dicom", "has_geometry": True, "spacing_mm": [0.5, 0.5, 5.0]}
    left = None if side is None else 100.0 if side == "left" else 0.0
    for mask in (*content["lesions"], *content["saliency"]):
        mask |= {"image_side": None, "side": side, "left_percent": left, "centroid_ras_mm": [1.0, 2.0, 3.0]}
        mask |= {"right_percent": None if left is None else 100 - left}
        mask["volume_ml" if "name" in mask else "mask_volume_ml"] = 3.0
    content["lesion_total"]["volume_ml"] = 3.0 * len(content["lesions"])
    match = {"plane": plane, "plane_agreement": 1.0, "level_mm": None, "level_range_mm": None, "fit": 0.8}
    if plane is not None:
        match |= {"level_mm": -28.4, "level_range_mm": [-32.4, -24.4], "level_agreement": 0.91}
    content["anatomy"]["picture"] = match
    return Findings.model_validate(content)


@pytest.mark.parametrize(("plane", "side"), [("axial", "left"), ("sagittal", None), (None, "right"), (None, None)])
def test_where_the_sides_and_the_midline_of_a_slice_come_from_is_said_in_every_language(plane, side):
    found = slice_with_geometry(plane, side)
    assert missing_sentences(found) == []
    for code in ("en", *LANGUAGES):
        told = narrative.told(found, code).sentences
        assert {sentence.outcome for sentence in told} == {"supported"}
        sides = [s for s in told if {"/image/has_geometry", "/lesions/0/side"} <= set(s.evidence)]
        assert len(sides) == (side is not None), "the midline is that of the template's section"


def test_the_level_of_a_slice_is_told_as_approximate_and_compared_with_the_findings():
    found = slice_with_geometry("coronal", "left")
    said = "The level of the slice is approximately 28 mm behind the origin of MNI152 (agreement of the sections that fit 0.91)."
    assert said in [sentence.text for sentence in narrative.write(found).sentences]
    for wrong in ("20 mm behind", "28 mm in front of", "28 mm above"):
        assert check_sentence(said.replace("28 mm behind", wrong), found).verdict != "supported"
    assert check_sentence(said.replace("approximately ", ""), found).verdict != "supported"
    untold = slice_with_geometry(None, "left")
    assert not [s for s in narrative.write(untold).sentences if "/anatomy/picture/level_mm" in s.evidence]


def test_a_new_english_sentence_without_translations_is_noticed(monkeypatch):
    from XAIReportLib.report.passages import Passage

    monkeypatch.setitem(narrative.SECTIONS, "limits", lambda _: iter([Passage("The sky is blue.", ("/case_id",))]))
    (message,) = missing_sentences(findings_of("left glioma"))
    assert message == "report/languages/sentences/ has no pattern for: The sky is blue."


def engine_sentences() -> list[str]:
    """Reasons and warnings as the engine writes them, with a sample for every value; errors are no part of a report."""
    sentences = []
    for place in (
        "plausibility.py",
        "anatomy/quality.py",
        "anatomy/registration.py",
        "anatomy/midline.py",
        "models/inference.py",
    ):
        tree = ast.parse((ENGINE / place).read_text(encoding="utf-8"))
        skipped = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Raise) for inner in ast.walk(node)}
        skipped |= {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        skipped |= {id(inner) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for inner in node.values}
        for node in ast.walk(tree):
            if id(node) not in skipped and (text := _written(node)) and re.match(r"[A-Z].* .*\.$", text):
                sentences.append(text)
    return sentences


_VALUES = {
    "case.modality": "CT",
    "class_name(best)": "pituitary tumour",
    "names": "glioma and pituitary tumour",
    "shown": "61 x 50 x 33",
}


def _written(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _VALUES.get(ast.unparse(v.value), "61") if isinstance(v, ast.FormattedValue) else v.value
            for v in node.values
        )
    return ""


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_reason_and_warning_of_the_engine_exists_in_every_language(code):
    sentences = engine_sentences()
    assert len(sentences) > 30
    unknown = [
        text for text in sentences if language(code).said(text) is None and "plane through the attachments" not in text
    ]
    assert unknown == [], f"report/languages/engine.toml lacks: {unknown}"


@pytest.mark.parametrize("code", LANGUAGES)
def test_an_unknown_reason_is_said_to_be_kept_in_english_and_never_half_translated(code):
    found = findings_of("left glioma")
    prediction = found.prediction.model_copy(
        update={"reason": "The picture is coloured; a head MRI is grey. Something new."}
    )
    told = narrative.told(found.model_copy(update={"prediction": prediction}), code)
    texts = [s.text for s in told.sentences if s.evidence == ("/prediction/reason",)]
    assert texts == [language(code).said("The reason is kept in findings.json.")]


def words_of(code: str) -> set[str]:
    """Every word of the catalogue in one language, names included."""
    tables = catalogue._names().tables.values()
    names = [english if code == "en" else said[code] for table in tables for english, said in table.items()]
    patterns = [piece for row in _patterns() for piece in parts(row[code]) if isinstance(piece, str)]
    return set(re.findall(r"[^\W\d_]+", " ".join([*names, *patterns]).lower()))


@pytest.mark.parametrize("code", LANGUAGES)
def test_nothing_that_is_told_is_half_translated(code):
    english = words_of("en") - words_of(code)
    assert {"for", "approximately", "the", "of", "holds"} <= english
    for found in (*map(findings_of, CASES), phantom_of_two_classes().findings(check=SaliencyCheck(True, (), {}))):
        kept = (found.model.name, found.model.data_set, found.anatomy.atlas, found.image.modality)
        for sentence in narrative.write(found, code).sentences:
            text = sentence.text
            for name in sorted(filter(None, kept), key=len, reverse=True):
                text = text.replace(name, " ")
            left = english.intersection(re.findall(r"[^\W\d_]+", text.lower().replace("findings.json", "")))
            assert not left, (left, sentence.text)


# --- what is said is what was found ---------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=slow)
@given(wild_findings())
def test_the_template_passes_the_check_in_every_language_and_keeps_the_rules_of_wording(findings):
    names = (findings.model.name, findings.model.data_set, findings.anatomy.atlas)
    english = narrative.write(findings)
    for code in LANGUAGES:
        story = narrative.told(findings, code)
        assert story.language == code
        assert [s.evidence for s in story.sentences] == [s.evidence for s in english.sentences]
        for sentence in story.sentences:
            assert sentence.outcome == "supported", (sentence.text, sentence.why)
            assert not never_said(sentence.text, code, names), sentence.text


@pytest.mark.parametrize("code", LANGUAGES)
def test_numbers_are_written_as_the_language_writes_them(code):
    size = next(text for _, text in template(code) if " 1: 4,45" in text.replace(" :", ":"))
    assert "4,45 ml" in size
    assert "100,0 %" in size


def test_left_and_right_agree_with_the_gender_of_the_region():
    assert "corteza insular izquierda" in str(template("es"))
    assert "polo frontal izquierdo" in str(template("es"))
    assert "thalamus droit (" in str(template("fr"))
    assert "Thalamus rechts (" in str(template("de"))


def test_a_region_of_an_unknown_atlas_keeps_its_name_and_gets_its_side():
    said = "Segmented abnormality 1 projects onto the atlas position of left Area 4p (41.6 % of the abnormality)."
    assert "Area 4p, à gauche (41,6 %" in language("fr").said(said)
    assert language("fr").of({"region": ["left Area 4p"]}).meant(language("fr").said(said)) == [said]
    assert language("fr").meant(language("fr").said(said)) == []  # no case names it
    assert language("fr").of({"region": ["left Area 4"]}).said(said) is None


def test_a_comma_or_an_and_in_the_name_of_a_region_parts_no_list():
    start = "Which of these regions holds the largest share of segmented abnormality 1 cannot be told: "
    told = language("es").said(f"{start}left Lateral Occipital Cortex, superior division and left Angular Gyrus.")
    assert told.endswith(": corteza occipital lateral izquierda (porción superior) y giro angular izquierdo.")
    spanish = language("es").of({"region": ["left G and S cingul", "right G and S frontal", "right G"]})
    said = f"{start}left G and S cingul, right G and S frontal and left Putamen."
    assert spanish.said(said).endswith(
        ": G and S cingul, a la izquierda, G and S frontal, a la derecha y putamen izquierdo."
    )
    assert spanish.meant(spanish.said(said)) == [said]


# --- the check ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_false_sentence_is_let_through(kind, code):
    sentences = mutated(kind, code)
    assert len(sentences) >= 300
    for case, text in sentences[:: max(1, len(sentences) // SAMPLE)]:
        assert checker_of(findings_of(case), code).sentence(text).verdict != "supported", (case, text)


@pytest.mark.parametrize(
    ("code", "right", "wrong"),
    [
        (
            "fr",
            "Anomalie segmentée 1 : 4,45 ml, du côté gauche du patient (100,0 % de l'anomalie).",
            ("gauche", "droit"),
        ),
        ("de", "Der Vorschlag des Modells lautet Gliom, mit einem Modell-Score von 0,89.", ("Gliom", "Meningeom")),
        ("es", "La sugerencia del modelo es glioma, con una puntuación del modelo de 0,89.", ("0,89", "0,98")),
    ],
)
def test_a_wrong_slot_is_contradicted_and_an_unknown_sentence_unsupported(code, right, wrong):
    check = checker_of(findings_of("left glioma"), code)
    assert check.sentence(right).verdict == "supported"
    contradicted = check.sentence(right.replace(*wrong))
    assert contradicted.verdict == "contradicted"
    assert "read as" in contradicted.reason
    assert check.sentence("Bla bla.").verdict == "unsupported"
    assert check.sentence("The lesion lies on the left.").verdict == "unsupported"
    assert (
        "never said"
        in check.sentence({"fr": "Tumeur bénigne.", "de": "Gutartig.", "es": "Tumor benigno."}[code]).reason
    )


def test_typographic_spaces_and_apostrophes_are_read():
    check = checker_of(findings_of("left glioma"), "fr")
    text = "Anomalie segmentée 1\u00a0: 4,45\u00a0ml, du côté gauche du patient (100,0\u202f% de l’anomalie)."
    assert check.sentence(text).verdict == "supported"


# --- which language a text is in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["left glioma", "picture", "no lesion", "not applicable"])
@pytest.mark.parametrize("code", ("en", *LANGUAGES))
def test_the_language_of_a_report_is_recognised(case, code):
    story = narrative.write(findings_of(case), code)
    assert language_of(" ".join(s.text for s in story.sentences)) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("La lesione si trova nel lobo frontale di sinistra e non è grande.", "it"),
        ("A lesão encontra-se no lobo frontal esquerdo e não é grande.", "pt"),
        ("De afwijking ligt in de linker frontale kwab en is niet groot.", "nl"),
        ("12345", None),
    ],
)
def test_other_languages_are_told_apart(text, code):
    assert language_of(text) == code


# --- rules of wording -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "text"), [(code, text) for code in LANGUAGES for text in NEVER[code]])
def test_what_is_never_said_is_known_in_every_language(code, text):
    assert never_said(text, code), text
    assert checker_of(findings_of("left glioma"), code).sentence(f"{text}.").verdict != "supported"


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_pattern_holds_what_is_never_said(code):
    rows = _patterns()
    assert len(rows) > 400
    said = [row[code] for row in rows if row["en"] != "Atlas probability"]
    assert [text for text in said if never_said(text, code)] == []


# --- the catalogue itself -------------------------------------------------------------------------------------------------

_SIDE = {
    "en": r"(?<!is )(?<!score )\b(left|right)\b",  # not of what is left of a score
    "fr": r"\b(gauche|droite?)\b",
    "de": r"\b(links|linken?|rechts|rechten?|linker)\b",
    "es": r"\b(izquierd[oa]|derech[oa])\b",
}
_LEFT = {"left", "gauche", "links", "linke", "linken", "linker", "izquierdo", "izquierda"}


def _patterns() -> list[dict[str, str]]:
    """Every pattern with slots or words, of the sentences and of the documents."""
    grammars = (catalogue._sentences(), catalogue._labels())
    rows = [
        row
        for grammar in grammars
        for row in (*grammar.messages, *(r for rule in grammar.rules.values() for r in rule))
    ]
    named = [
        {"en": english, **said}
        for kind, table in grammars[0].names.tables.items()
        for english, said in table.items()
        if kind != "region"
    ]
    return [*rows, *named]


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_pattern_has_the_same_slots_and_the_same_sides_in_every_language(code):
    def sides(text: str, language: str) -> list[bool]:
        return [side in _LEFT for side in re.findall(_SIDE[language], text.lower())]

    def slots(text: str) -> list[str]:
        return sorted(part.key + part.many for part in parts(text) if isinstance(part, Slot))

    wrong = [r for r in _patterns() if slots(r["en"]) != slots(r[code]) or sides(r["en"], "en") != sides(r[code], code)]
    assert wrong == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_two_regions_and_no_two_classes_have_the_same_name(code):
    for kind in ("region", "class", "label", "method", "lobe", "position", "place", "outside"):
        said = [names[code] for names in catalogue._names().tables[kind].values()]
        assert len(set(said)) == len(said), kind


def test_every_region_of_the_atlas_has_a_name_in_every_language():
    atlas = pytest.importorskip("XAIReportLib.anatomy.atlas").load_atlas()
    for region in atlas.regions:
        phrase = f"{region.side} {region.name}" if region.side else region.name
        for code in LANGUAGES:
            said = catalogue._names().said("region", phrase, code, strict=True)
            assert said is not None, phrase
            assert catalogue._names().meant("region", one_way(said), code) == phrase
