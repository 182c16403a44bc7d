"""What a reader would take otherwise than it is meant is said so that it cannot be, in every language, and the check knows it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from rich_cases import findings_of
from XAIReportLib.models.series import NO_LESION_WITHOUT_AGENT, NOT_DETECTED
from XAIReportLib.report import content, measures, narrative, passages, places
from XAIReportLib.report.findings import Findings
from XAIReportLib.report.grounding.translated import checker_of, named
from XAIReportLib.report.languages import catalogue, language
from XAIReportLib.report.wording import WHERE_NOT_WHY
from XAIReportLib.results import NAMED_BUT_NOT_DETECTED, WITHOUT_CONTRAST_AGENT
from XAIReportLib.scene.segments import lesion_name

LANGUAGES = ("en", "fr", "de", "es")


def changed(name: str, **parts: dict) -> Findings:
    """The findings of a case with keys of its parts set otherwise; a part that is no mapping is replaced."""
    document = findings_of(name).model_dump(mode="json")
    for part, values in parts.items():
        document[part] = {**(document[part] or {}), **values} if isinstance(values, dict) else values
    return Findings.model_validate(document)


def told(found: Findings, code: str = "en", section: str = "") -> list[str]:
    """The sentences of a section, or all; everyone of them must pass the check."""
    story = narrative.told(found, code)
    assert {sentence.outcome for sentence in story.sentences} == {"supported"}, [
        (s.text, s.why) for s in story.sentences if s.outcome != "supported"
    ]
    return [s.text for s in story.sentences if s.section == (section or s.section)]


def shown(found: Findings, code: str = "en", pictures: tuple[str, ...] = ()) -> content.Content:
    figures = [Path(f"{name}.png") for name in pictures]
    return content.content_of(found, narrative.told(found, code), figures, {})


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


# --- what a reader removed ------------------------------------------------------------------------------------------------

REMOVED = {
    "en": ("none", "all outlines of the model (4.50 ml) were removed by the reader"),
    "fr": ("aucune", "tous les contours du modèle (4,50 ml) ont été supprimés par le lecteur"),
    "de": ("keine", "alle Konturen des Modells (4,50 ml) wurden vom Befunder entfernt"),
    "es": ("ninguna", "el lector suprimió todos los contornos del modelo (4,50 ml)"),
}


@pytest.mark.parametrize("code", LANGUAGES)
def test_outlines_that_the_reader_removed_are_not_said_not_to_have_been_found(code):
    total = {"count": 1, "voxels": 4500, "volume_ml": 4.5}
    saliency = [mask | {"dice_with_lesion": None} for mask in findings_of("left glioma").model_dump()["saliency"]]
    found = changed(
        "left glioma", lesions=[], lesion_total={"count": 0, "voxels": 0, "volume_ml": 0.0}, saliency=saliency,
        reader_edit={"changed": [], "removed": ["lesion-1"], "model_total": total},
    )  # fmt: skip
    facts = {label: (value, plain(covers)) for label, value, covers in shown(found, code).facts}
    assert facts[language(code).label("Segmented abnormality")] == REMOVED[code]
    told(found, code)


# --- a class set of one where nothing is suggested ------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_class_is_not_said_to_be_the_only_one_left_where_none_is_suggested(code):
    reason = "The axial, coronal and sagittal slices speak for different classes, so no class is suggested."
    alone = {"outcome": "abstained", "label": None, "reason": reason, "class_set": ["glioma"]}
    found = changed("left glioma", prediction=alone)
    only = language(code).said("Glioma is the only class that cannot be set aside.")
    assert only in told(findings_of("left glioma"), code)
    assert only not in told(found, code)
    assert checker_of(found, code).sentence(only).verdict == "supported"  # in a report of before


# --- what nothing says of a series -----------------------------------------------------------------------------------------

GREY, NAMED = (
    f"Model: brain_tumor_mri, version 0.1.0; {how}."
    for how in ("contrast enhancement was judged by grey values alone", "a contrast agent was named for this series")
)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize(("agent", "said", "unsaid"), [(True, NAMED, GREY), (False, GREY, NAMED), (None, GREY, NAMED)])
def test_enhancement_is_judged_by_grey_values_only_where_no_agent_is_named(code, agent, said, unsaid):
    found = changed("left glioma", image={"contrast_agent": agent})
    texts, check = told(found, code), checker_of(found, code)
    said, unsaid = language(code).said(said), language(code).said(unsaid)
    assert said in texts and unsaid not in texts
    assert check.sentence(said).verdict == "supported"
    assert check.sentence(unsaid).verdict != "supported"


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("name", ["left glioma", "picture"])
def test_only_a_dicom_series_is_said_to_be_mr_and_anything_else_to_be_read_as_it(code, name):
    what = "slice without geometry" if name == "picture" else "volume"
    for kind, start in (
        ("dicom", f"One MR {what} was read (DICOM, "),
        ("array", f"One {what} was read as MR (array, "),
    ):
        text = next(t for t in told(changed(name, image={"kind": kind}), "en") if t.startswith("One "))
        assert text.startswith(start)
        assert language(code).said(text) in told(changed(name, image={"kind": kind}), code)


# --- a series that the model was not made for -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_series_without_enhancement_is_announced_before_anything_else_and_once(code):
    without = {"outcome": "abstained", "label": None, "reason": NOT_DETECTED}
    found = changed("left glioma", prediction=without, warnings=["Low signal.", WITHOUT_CONTRAST_AGENT])
    said = language(code).said(NOT_DETECTED)
    assert told(found, code)[0] == said
    assert sum(said in text for text in told(found, code)) == 1
    document = shown(found, code)
    agent = language(code).said(f"Warning: {WITHOUT_CONTRAST_AGENT}")
    assert [plain(statement.text) for statement in document.banner] == [said, agent]
    assert len(document.warnings) == 1


@pytest.mark.parametrize("warning", [WITHOUT_CONTRAST_AGENT, NAMED_BUT_NOT_DETECTED, NO_LESION_WITHOUT_AGENT])
def test_a_warning_on_the_contrast_agent_stands_before_the_others(warning):
    found = changed("left glioma", warnings=["Low signal.", warning])
    assert told(found)[:2] == [f"Warning: {warning}", "Warning: Low signal."]
    assert [statement.text for statement in shown(found).banner] == [f"Warning: {warning}"]
    assert [statement.text for statement in shown(found).warnings] == ["Warning: Low signal."]


# --- the series in brackets -----------------------------------------------------------------------------------------------

UNKNOWN_SERIES = {
    "forced": {"image": {"forced": True}},
    "another modality": {"image": {"modality": "CT"}},
    "no agent named": {"warnings": [WITHOUT_CONTRAST_AGENT]},
    "agent not seen": {"warnings": [NAMED_BUT_NOT_DETECTED]},
}


@pytest.mark.parametrize("why", UNKNOWN_SERIES)
@pytest.mark.parametrize("code", LANGUAGES)
def test_a_series_that_is_not_known_is_not_named(code, why):
    found = changed("left glioma", **UNKNOWN_SERIES[why])
    assert language(code).said("One segmented abnormality.") in told(found, code, "findings")
    titles = [table.title for table in shown(found, code).tables]
    assert language(code).label("Segmented abnormalities") in titles
    assert lesion_name(1, found.model_dump(mode="json")) == "Segmented abnormality 1"
    known = findings_of("left glioma")
    assert language(code).said("One segmented abnormality (T1 post-contrast).") in told(known, code, "findings")
    assert lesion_name(1, known.model_dump(mode="json")) == "Segmented abnormality 1 (T1 post-contrast)"


# --- heat maps that failed their checks -----------------------------------------------------------------------------------

FAILED = {"relied_on": False, "failed": ["agreement"], "figures": {"agreement": 0.12}}
PICTURES = ("saliency-gradcam++", "lesion", "montage", "methods")


@pytest.mark.parametrize("code", LANGUAGES)
def test_heat_maps_that_failed_their_checks_are_no_evidence(code):
    found = changed("left glioma", saliency_check=FAILED)
    words = language(code).of(named(found))
    doubt = words.said(
        "The heat maps of this case should not be relied on: the methods disagree (mean correlation 0.12)."
    )
    evidence = told(found, code, "evidence")
    assert evidence[0] == doubt
    assert evidence[-1] == words.said(places.FAILED_MAPS)
    assert words.said(WHERE_NOT_WHY) not in evidence
    document = shown(found, code, PICTURES)
    assert document.lead.path.stem == "lesion"
    captions = {picture.path.stem: plain(picture.caption) for picture in document.pictures}
    not_relied_on = language(code).label(content.NOT_RELIED_ON)
    for name in ("saliency-gradcam++", "methods"):
        assert captions[name].startswith(not_relied_on)
    assert language(code).label(content._WHERE_FROM) not in captions["saliency-gradcam++"]
    assert not captions["montage"].startswith(not_relied_on)


@pytest.mark.parametrize("code", LANGUAGES)
def test_heat_maps_that_passed_lead_and_say_where_the_score_came_from(code):
    document = shown(findings_of("left glioma"), code, PICTURES)
    assert document.lead.path.stem == "saliency-gradcam++"
    assert document.lead.caption.startswith(language(code).label(content._WHERE_FROM))
    assert told(findings_of("left glioma"), code, "evidence")[-1] == language(code).said(WHERE_NOT_WHY)


# --- distances and what their intervals cover -----------------------------------------------------------------------------


def with_distances(*ways: dict, reach: float | None = 4.4) -> Findings:
    shape = {
        "equivalent_diameter_mm": 20.0, "feret_mm": 24.0, "axial_diameters_mm": [22.0, 18.0], "axial_level_mm": 12.0,
        "long_axis_mm": 23.0, "long_axis_ras": [0.0, 0.6, 0.8], "sphericity": 0.8, "crosses_midline": False,
    }  # fmt: skip
    found = findings_of("left glioma").model_dump(mode="json")
    lesions = [lesion | {"measures": {**shape, "distances": list(ways)}} for lesion in found["lesions"]]
    return changed("left glioma", lesions=lesions, anatomy={"interval_mm": reach})


def way(position: str, distance: float, low: float | None = None, high: float | None = None, contact=None) -> dict:
    return {"position": position, "distance_mm": distance, "low_mm": low, "high_mm": high, "contact": contact}


NEAR, FAR = way("brain surface", 2.1, 0.0, 4.0), way("motor cortex", 11.4, 8.9, 13.6)
DISTANCES = {
    "en": (
        "Segmented abnormality 1 is adjacent to the brain's surface (2.1 mm, 0.0 to 4.0 mm); function was not assessed.",
        "Segmented abnormality 1 lies 11.4 mm from the atlas position of the motor cortex (8.9 to 13.6 mm); function was not "
        "assessed.",
    ),
    "fr": (
        "L'anomalie segmentée 1 est adjacente à la surface cérébrale (2,1 mm, de 0,0 à 4,0 mm) ; la fonction n'a pas été évaluée.",
        "L'anomalie segmentée 1 se situe à 11,4 mm de la position, dans l'atlas, du cortex moteur (de 8,9 à 13,6 mm) ; la fonction "
        "n'a pas été évaluée.",
    ),
    "de": (
        "Die segmentierte Auffälligkeit 1 ist benachbart zur Hirnoberfläche (2,1 mm, 0,0 bis 4,0 mm); die Funktion wurde nicht "
        "beurteilt.",
        "Die segmentierte Auffälligkeit 1 liegt 11,4 mm von der Atlasposition des motorischen Kortex (8,9 bis 13,6 mm) entfernt; "
        "die Funktion wurde nicht beurteilt.",
    ),
    "es": (
        "La anomalía segmentada 1 es adyacente a la superficie cerebral (2,1 mm, de 0,0 a 4,0 mm); no se ha evaluado la función.",
        "La anomalía segmentada 1 se encuentra a 11,4 mm de la posición en el atlas de la corteza motora (de 8,9 a 13,6 mm); no se "
        "ha evaluado la función.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", LANGUAGES)
def test_only_what_lies_next_to_a_position_is_called_adjacent(code):
    found = with_distances(NEAR, FAR)
    assert set(DISTANCES[code]) <= set(told(found, code))
    for sentence in DISTANCES[code]:
        for right, wrong in (("11.4", "12.4"), ("11,4", "12,4"), ("2.1", "3.1"), ("2,1", "3,1")):
            if right in sentence:
                assert checker_of(found, code).sentence(sentence.replace(right, wrong)).verdict != "supported"
    before = (
        "Segmented abnormality 1 is adjacent to the brain's surface (2.1 mm, 0.0 to 4.0 mm) and the atlas position of the motor "
        "cortex (11.4 mm, 8.9 to 13.6 mm); function was not assessed."
    )
    assert checker_of(found, code).sentence(language(code).said(before)).verdict == "supported"


@pytest.mark.parametrize(
    ("distance", "said"), [(4.9, "adjacent to left Hippocampus (4.9 mm)"), (12.3, "12.3 mm from left Hippocampus")]
)
@pytest.mark.parametrize("code", LANGUAGES)
def test_what_lies_outside_the_named_regions_is_called_adjacent_only_next_to_one(code, distance, said):
    lesions = findings_of("left glioma").model_dump(mode="json")["lesions"]
    for region in lesions[0]["regions"]:
        region["nearest_mm"] = distance if region["nearest"] else None
    share = next(region["percent_of_lesion"] for region in lesions[0]["regions"] if region["nearest"])
    where = f"(white matter / other, {said})"
    text = f"Of segmented abnormality 1, {share:.1f} % lies outside the named regions {where}."
    assert language(code).said(text) in told(changed("left glioma", lesions=lesions), code, "anatomy")


@pytest.mark.parametrize("contact", [None, "touches", "apart", "not told"])
@pytest.mark.parametrize("distance", [0.0, 4.9, 5.04, 5.1, 19.0])
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_distance_is_told_and_read_in_every_language(code, distance, contact):
    for ends in ((None, None), (1.0, 22.0)):
        ways = (
            way("lateral ventricles", distance, *ends, contact),
            way("brain surface", distance, *ends, contact),
            FAR,
        )
        told(with_distances(*ways), code)


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_intervals_cover_is_said_once_in_the_text_and_under_both_tables(code):
    found = with_distances(NEAR, FAR)
    meaning = language(code).said(measures.interval_meaning(4.4))
    assert told(found, code).count(meaning) == 1
    under = [table for table in shown(found, code).tables if meaning in plain(table.note)]
    assert len(under) >= 2
    assert meaning not in told(with_distances(way("motor cortex", 11.4)), code)


# --- the midline, measures, regions of other atlases, sides ---------------------------------------------------------------

COVERED = {
    "en": "Midline shift not computed: the segmented abnormality covers the septum pellucidum.",
    "fr": "Déviation de la ligne médiane : non calculée, l'anomalie segmentée recouvrant le septum pellucidum.",
    "de": "Mittellinienverlagerung: nicht berechnet, da die segmentierte Auffälligkeit das Septum pellucidum überdeckt.",
    "es": "Desviación de la línea media: no calculada, ya que la anomalía segmentada cubre el septum pellucidum.",
}


@pytest.mark.parametrize(
    "method",
    [
        "Not computed: the segmented abnormality covers the septum pellucidum.",
        "Not computed: the septum pellucidum lies under the segmented abnormality.",  # as older findings have it
    ],
)
@pytest.mark.parametrize("code", LANGUAGES)
def test_an_abnormality_over_the_septum_is_said_to_cover_it(code, method):
    shift = {"distance_mm": None, "towards": None, "method": method}
    found = changed("left glioma", anatomy={"midline_shift": shift})
    assert COVERED[code] in told(found, code)
    check = checker_of(found, code)
    assert check.sentence(language(code).said(f"Midline shift: {method}")).verdict == "supported"
    other = changed("left glioma", anatomy={"midline_shift": shift | {"method": "Not computed: no reason."}})
    assert checker_of(other, code).sentence(COVERED[code]).verdict != "supported"


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_the_measures_from_zero_to_one_mean_is_said(code):
    said = told(findings_of("left glioma"), code, "confidence")
    assert [language(code).said(text) for text in passages.MEASURE_MEANINGS.values()] == said[-2:]


@pytest.mark.parametrize("code", LANGUAGES)
def test_regions_that_the_atlas_lacks_are_said_not_to_be_its_own(code):
    rows = [("Sellar region", "sellar region", None), ("Cerebellum", "cerebellum", "left")]
    largest = [{"name": name, "lobe": lobe, "side": side} for name, lobe, side in rows]
    lesions = [lesion | {"largest_regions": largest} for lesion in findings_of("left glioma").model_dump()["lesions"]]
    sentences = {language(code).said(text) for text in passages._ADDED_REGIONS.values()}
    assert sentences <= set(told(changed("left glioma", lesions=lesions), code, "technique"))
    assert not sentences & set(told(findings_of("left glioma"), code))
    elsewhere = changed("left glioma", lesions=lesions, anatomy={"atlas": "Destrieux 2009"})
    assert not sentences & set(told(elsewhere, code))


@pytest.mark.parametrize("code", LANGUAGES)
def test_whose_the_sides_are_is_said_where_a_side_is_named(code):
    sides = language(code).said("Sides are those of the patient.")
    assert sides in told(findings_of("left glioma"), code)
    assert sides not in told(findings_of("no lesion"), code)


# --- reasons and warnings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pituitary tumour", "pituitary"])  # the latter in findings of older versions
@pytest.mark.parametrize("code", LANGUAGES)
def test_a_class_has_its_name_in_the_reason(code, name):
    for reason in (
        f"A segmented abnormality was found and the model score of {name} is the highest.",
        f"The model scores do not separate {name} and glioma at the 90 % level, so no class is suggested.",
    ):
        found = changed("left glioma", prediction={"reason": reason})
        words = language(code).of(named(found))
        assert words.said(f"Reason: {reason}") in told(found, code, "impression")


@pytest.mark.parametrize("start", ["Analysed on demand despite this: ", "Analysed on demand although "])
@pytest.mark.parametrize("code", LANGUAGES)
def test_what_an_image_was_analysed_in_spite_of_is_said(code, start):
    warning = f"{start}The image's modality is CT, not MR."
    found = changed("left glioma", image={"forced": True, "modality": "CT"}, warnings=[warning])
    said = [
        text for text in told(found, code, "status") if {"en": "CT", "fr": "TDM", "de": "CT", "es": "TC"}[code] in text
    ]
    assert len(said) == 1
    assert "findings.json" not in said[0]


@pytest.mark.parametrize(
    ("code", "volume", "slice_"),
    [
        ("fr", "Un volume scanner (TDM) a été lu", "IRM"),
        ("de", "Ein CT-Volumen wurde eingelesen", "MRT"),
        ("es", "Se leyó un volumen de TC", "RM"),
    ],
)
def test_a_modality_is_called_as_the_language_calls_it(code, volume, slice_):
    found = changed("left glioma", image={"forced": True, "kind": "dicom", "modality": "CT"})
    assert told(found, code, "technique")[0].startswith(volume)
    assert slice_ in told(findings_of("left glioma"), code, "technique")[0]


# --- the other languages --------------------------------------------------------------------------------------------------


def catalogue_rows() -> list[dict[str, str]]:
    content = catalogue._read("sentences/*.toml", "engine.toml", "labels/*.toml")
    return [*content["message"], *(row for rows in content["rule"].values() for row in rows)]


def test_the_template_has_one_name_in_french_and_not_that_of_the_model():
    about = [row for row in catalogue_rows() if re.search(r"\btemplate\b", row.get("en", ""))]
    assert len(about) > 15
    assert [row["fr"] for row in about if "gabarit" not in row["fr"] or "modèle" in row["fr"]] == []


def test_no_label_is_translated_in_two_ways():
    said: dict[str, dict[str, str]] = {}
    for path in sorted((Path(catalogue.__file__).parent / "labels").glob("*.toml")):
        for english, row in tomllib.loads(path.read_text(encoding="utf-8")).get("label", {}).items():
            assert said.setdefault(english, row) == row, english


@pytest.mark.parametrize(("code", "of_model", "of_list"), [("de", "Angabe", "Punkt"), ("es", "Elemento", "Punto")])
def test_the_heads_of_the_model_table_and_the_checklist_differ(code, of_model, of_list):
    document = shown(findings_of("left glioma"), code)
    assert document.model_tables[0].header[0] == of_model
    assert document.tables[-1].header[0] == of_list


@pytest.mark.parametrize(
    ("code", "english", "said"),
    [
        ("fr", "Where they differ, none of them should be relied on alone.",
         "Là où elles diffèrent, il ne faut se fier à aucune d'elles isolément."),
        ("fr", "edges of the axial section of MNI152 that fits best (approximate)",
         "contours de la section de MNI152, dans le plan axial, qui convient le mieux (approximatif)"),
    ],
)  # fmt: skip
def test_labels_agree_in_grammar(code, english, said):
    assert plain(language(code).label(english)) == said


@pytest.mark.parametrize(
    ("code", "english", "said"),
    [
        ("fr", "Segmented abnormality 1 projects onto the atlas position of left Frontal Pole (41.6 % of the abnormality).",
         "L'anomalie segmentée 1 se projette sur la position, dans l'atlas, de : pôle frontal gauche (41,6 % de l'anomalie)."),
        ("de", "Segmented abnormality 1 projects onto the atlas position of left Frontal Pole (41.6 % of the abnormality).",
         "Die segmentierte Auffälligkeit 1 projiziert sich auf die Atlasposition: Frontalpol links (41,6 % der Auffälligkeit)."),
        ("de", "Segmented abnormality 1 projects onto the atlas position of left Frontal Pole (41.6 % of the abnormality) and left "
         "Angular Gyrus (20.0 % of the abnormality).",
         "Die segmentierte Auffälligkeit 1 projiziert sich auf die Atlaspositionen folgender Regionen: Frontalpol links (41,6 % "
         "der Auffälligkeit) und Gyrus angularis links (20,0 % der Auffälligkeit)."),
        ("fr", "ScoreCAM for glioma: the mask cut at percentile 97.5 measures 2.00 ml; it does not overlap with the segmentation "
         "(Dice 0.00).",
         "ScoreCAM pour la classe gliome : le masque seuillé au percentile 97,5 mesure 2,00 ml ; il n'a aucun recouvrement avec la "
         "segmentation (Dice 0,00)."),
        ("fr", "With the segmented abnormality replaced by what surrounds it (4.2 % of the head in these slices): no lesion is "
         "found by this model.",
         "Avec l'anomalie segmentée remplacée par ce qui l'entoure (4,2 % de la tête dans ces coupes) : ce modèle n'y trouve "
         "aucune lésion."),
        ("de", "With the segmented abnormality replaced by what surrounds it (4.2 % of the head in these slices): no lesion is "
         "found by this model.",
         "Bei geändertem Bild, die segmentierte Auffälligkeit durch ihre Umgebung ersetzt (4,2 % des Kopfes in diesen Schichten): "
         "dieses Modell findet darin keine Läsion."),
        ("fr", measures.BRIGHTNESS_LIMIT,
         "Aucune série sans produit de contraste n'a été fournie : on ne sait pas si ce qui est clair s'est rehaussé après "
         "injection de produit de contraste."),
        ("de", measures.BRIGHTNESS_LIMIT,
         "Eine Serie ohne Kontrastmittel lag nicht vor; ob helle Anteile Kontrastmittel aufgenommen haben, ist nicht bekannt."),
    ],
)  # fmt: skip
def test_sentences_are_said_as_a_reader_of_the_language_says_them(code, english, said):
    assert language(code).said(english) == said
    assert english in language(code).meant(said)


def test_what_a_saved_report_holds_is_read_as_it_was_written():
    formerly = catalogue._read("formerly.toml")
    assert len(formerly["message"]) > 20
    french = "L'anomalie segmentée 1 se projette sur la position atlas de : pôle frontal gauche (41,6 % de l'anomalie)."
    assert checker_of(findings_of("left glioma"), "fr").sentence(french).verdict == "supported"
