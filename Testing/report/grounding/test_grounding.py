"""The check lets no false sentence through, and lets true ones be, in whatever words."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from measured import all_cases, findings_of
from mutations import KINDS, batch, batches, mutated, paraphrases, template, ways, worked_through
from wild_findings import wild_findings
from XAIReportLib import __main__ as command_line
from XAIReportLib.report import narrative
from XAIReportLib.report.findings import Findings
from XAIReportLib.report.grounding import Checker, check_sentence, check_text
from XAIReportLib.report.grounding.rewording import plainer
from XAIReportLib.report.grounding.vocabulary import entries
from XAIReportLib.report.wording import RESEARCH_USE

FALSEHOODS = Path(__file__).with_name("falsehoods.txt")
MOST_FALSE_ALARMS = 0.02
MOST_FALSE_ALARMS_OF_BATCHES = 0.05  # after they were looked at; at first look it was more, see docs/results.md


@cache
def _checker(case: str) -> Checker:
    return Checker(findings_of(case))


def _verdict(said: tuple[str, str]) -> str:
    case, text = said
    return _checker(case).sentence(text).verdict


@pytest.mark.parametrize("kind", KINDS)
def test_no_mutated_sentence_is_supported(kind):
    """At least 300 of each kind; of long lists about 1000, evenly chosen, so that the test stays quick (scripts/evaluate.py runs
    all)."""
    everyone = mutated(kind)
    assert len(everyone) >= 300
    assert [said for said in everyone[:: max(len(everyone) // 1000, 1)] if _verdict(said) == "supported"] == []


def test_no_falsehood_written_by_hand_is_supported():
    assert [said for said in paraphrases(FALSEHOODS) if _verdict(said) == "supported"] == []


@pytest.mark.parametrize("path", batches(), ids=lambda path: path.stem)
def test_no_false_sentence_of_a_batch_is_supported(path):
    assert [said for said in batch(path, "-") if _verdict(said) == "supported"] == []


def test_nearly_every_true_sentence_of_the_batches_is_supported():
    everyone = [said for path in worked_through() for said in batch(path, "+")]
    alarms = [said for said in everyone if _verdict(said) != "supported"]
    assert len(alarms) <= MOST_FALSE_ALARMS_OF_BATCHES * len(everyone), alarms


def test_what_may_be_said_in_many_ways_is_supported_in_all_of_them():
    """Every other of them, so that the test stays quick."""
    assert [said for said in ways()[::2] if _verdict(said) != "supported"] == []


def test_a_sentence_of_one_case_gets_a_verdict_in_every_other():
    """Nothing that may be said of one case stops the check where another has no such thing. Each third sentence in a case of its
    turn, so that the test stays quick."""
    everyone = [text for path in batches() for sign in "+-" for _, text in batch(path, sign)][::3]
    cases = all_cases()
    for n, text in enumerate(everyone):
        said = (cases[n % len(cases)], text)
        assert _verdict(said) in ("supported", "contradicted", "unsupported"), said


def test_a_sentence_about_another_case_is_supported_only_where_nothing_in_it_is_about_a_place_or_a_size():
    """Without a lesion, a registration or geometry, no true sentence on a place in another case is true of this one."""
    placed = [text for case, text in paraphrases() if case in ("left glioma", "right meningioma")]
    for other in ("no lesion", "not applicable"):
        for text in placed:
            checked = check_sentence(text, findings_of(other))
            kinds = {claim.kind for claim in checked.claims}
            if checked.verdict == "supported":
                assert not kinds & {"side", "region", "region share", "side share", "volume", "distance"}, (other, text)


def test_every_sentence_of_the_template_is_supported():
    assert [said for said in template() if _verdict(said) != "supported"] == []


def test_nearly_every_true_paraphrase_is_supported():
    everyone = paraphrases()
    assert len(everyone) >= 150
    alarms = [said for said in everyone if _verdict(said) != "supported"]
    assert len(alarms) <= MOST_FALSE_ALARMS * len(everyone), alarms


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(wild_findings())
def test_the_template_is_supported_whatever_the_findings(findings):
    for sentence in narrative.write(findings).sentences:
        assert check_sentence(sentence.text, findings).verdict == "supported", sentence.text


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(wild_findings())
def test_the_template_is_supported_after_a_readers_edit(findings):
    content = findings.model_dump()
    if not content["lesions"]:
        return
    content["lesions"][0]["edited_by_reader"] = True
    changed, total = [content["lesions"][0]["name"]], content["lesion_total"]
    content["reader_edit"] = {"changed": changed, "removed": ["lesion-99"], "model_total": total}
    edited = Findings.model_validate(content)
    for sentence in narrative.write(edited).sentences:
        assert check_sentence(sentence.text, edited).verdict == "supported", sentence.text
    claimed = "Segmented abnormality 1 (edited by the reader)"
    if edited.image.has_geometry:
        assert check_sentence(f"{claimed} measures {total['volume_ml'] + 50:.1f} ml.", edited).verdict != "supported"


@pytest.mark.parametrize(
    "text",
    [
        "Colourless green ideas sleep furiously.",
        "Die Läsion liegt links.",
        "The lesion lies on the left, blorb.",
        "Is the lesion on the left?",
        "No, for diagnosis.",
        'NO"FOR"DIAGNOSIS',
        "left",
        "Findings",
        "Dear colleague, thank you for referring this patient.",
        "Sure, here is the report.",
        "I hope this helps.",
        "The lesion.",
        "0.89",
        "",
        "The lesion lies on the lеft.",  # a Cyrillic letter
    ],
)
def test_what_cannot_be_read_is_never_supported(text):
    assert check_sentence(text, findings_of("left glioma")).verdict != "supported"


@pytest.mark.parametrize(
    "text",
    [
        "The model suggests glioma, for the lesion lies on the left.",
        "With the lesion being on the left, the model suggests glioma.",
        "The lesion is on the left, which means that the model suggests glioma.",
        "The model suggests glioma based on a lesion on the left.",
        "Glioma is suggested by virtue of a lesion on the left.",
        "The lesion on the left speaks for glioma.",
        "Meningioma can be set aside, so the model chose this class.",
        "The lesion was outlined by the user.",
        "A colleague found one lesion on the left.",
        "The user found a lesion on the left.",
        "By now, the lesion measures 4.45 ml.",
        "Once more the lesion lies on the left.",
        "The lesion returned on the left.",
        "The lesion came back on the left.",
        "The lesion gained 4.45 ml.",
        "The lesion has spread across the left frontal lobe.",
        "The lesion was taken from the left frontal lobe.",
        "The lesion lies on the left but for a part.",
        "The lesion lies partly on the left.",
        "The lesion, in all cases, lies on the left.",
        "Patients with glioma have a score of 0.89.",
        "The frontal pole is covered to 41.6 % by the lesion.",
        "The left frontal pole, of which the lesion fills 41.6 %, is frontal.",
    ],
)
def test_causes_times_and_people_between_the_lines_are_refused(text):
    assert check_sentence(text, findings_of("left glioma")).verdict != "supported"


def test_a_true_sentence_with_an_unknown_word_is_unsupported_and_not_contradicted():
    """What was not read in whole cannot be said to be otherwise; what was, can."""
    found = findings_of("left glioma")
    assert check_sentence("The blorb lesion measures 9.00 ml.", found).verdict == "unsupported"
    assert (
        check_sentence("The blorb lies on the left, and the lesion measures 9.00 ml.", found).verdict == "contradicted"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Forty-two percent of it lies there", "42 percent of it lies there"),
        ("a volume of four point four five ml", "a volume of 4.45 ml"),
        ("a score of point eight nine", "a score of 0.89"),
        ("It should be noted that the lesion lies on the left.", "the lesion lies on the left."),
        (
            "Were the lesion removed, the model would suggest glioma.",
            "when the lesion is removed, the model suggest glioma.",
        ),
        ("two lesions, the larger of which measures 4 ml", "two lesions; the larger abnormality measures 4 ml"),
        ("The midline shift is from left to right.", "The midline shift is to the right."),
    ],
)
def test_plainer_words_claim_the_same(written, meant):
    assert plainer(written, ("glioma",)) == meant


def test_a_text_is_checked_sentence_by_sentence_and_it_is_what_was_spoken_of():
    text = "Two lesions were found. The smaller lesion is on the right. It measures 0.47 ml. It measures 4.03 ml."
    checked = check_text(text, findings_of("two lesions"))
    assert [c.text for c in checked] == [p.strip() + "." for p in text[:-1].split(". ")]
    assert [c.verdict for c in checked] == ["supported", "supported", "supported", "contradicted"]


@pytest.mark.parametrize("repeated", ["The lesion is on the left. ", "The lesion is on the left and "])
def test_what_is_too_long_to_be_read_is_not_supported_and_says_so_at_once(repeated):
    found, text = findings_of("left glioma"), "The lesion is on the left."
    assert check_sentence(text, found).verdict == "supported"
    started = time.monotonic()
    checked = check_sentence(repeated * 2000 + text, found)
    assert time.monotonic() - started < 1
    assert (checked.verdict, checked.reason) == (
        "unsupported",
        "It is too long to be read: a sentence has at most 1500 characters.",
    )


def test_a_long_text_of_short_sentences_is_checked_in_each():
    checked = check_text("The lesion is on the left. " * 80, findings_of("left glioma"))
    assert [one.verdict for one in checked] == ["supported"] * 80


def test_the_reason_names_what_is_wrong():
    checked = check_sentence("The lesion measures 9.00 ml and lies on the left.", findings_of("left glioma"))
    assert checked.verdict == "contradicted"
    assert "9.00 ml" in checked.reason
    assert [claim.holds for claim in checked.claims] == [False, True]
    assert "smooth" in check_sentence("The lesion is smooth and lies on the left.", findings_of("left glioma")).reason


def test_units_and_rounding_are_understood():
    found = findings_of("left glioma")  # 4.45 ml
    for right in ("4.45 ml", "4.5 ml", "4.45 cm³", "4,450 mm³", "4.45 cc", "0.00445 l", "about 4 ml", "more than 4 ml"):
        assert check_sentence(f"The lesion measures {right}.", found).verdict == "supported", right
    for wrong in (
        "4.3 ml",
        "4.46 ml",
        "4.45 mm³",
        "4.45 mm",
        "4.45 l",
        "44.5 ml",
        "less than 4 ml",
        "about 5 ml",
        "4.45",
    ):
        assert check_sentence(f"The lesion measures {wrong}.", found).verdict != "supported", wrong


def test_a_half_is_rounded_up():
    found = findings_of("measured meningioma")  # 1.9 to 6.5 mm
    said = "The distance to the motor cortex is 4.2 mm, with a range of {}."
    assert check_sentence(said.format("2 to 7 mm"), found).verdict == "supported"
    assert check_sentence(said.format("1.9 to 6.5 mm"), found).verdict == "supported"
    assert check_sentence(said.format("2 to 6 mm"), found).verdict == "contradicted"


@pytest.mark.parametrize("case", ["left glioma", "measured pair"])
def test_a_direction_of_a_midline_shift_that_is_not_given_is_unsupported(case):
    said = "There is a midline shift of 3.4 mm, and it is to the right."
    assert check_sentence(said, findings_of(case)).verdict == "unsupported"


def test_a_warning_is_known_with_other_little_words_but_not_in_another_order_or_denied():
    found = findings_of("three lesions")
    for right in (
        "The slices are three millimetres thick, so small abnormalities may be missed.",
        "Small abnormalities could be missed.",
    ):
        assert check_sentence(right, found).verdict == "supported", right
    for wrong in (
        "The slices are four millimetres thick, so small abnormalities may be missed.",
        "Small abnormalities are three millimetres thick, so slices may be missed.",
        "The slices are three millimetres thick because small abnormalities may be missed.",
        "Small abnormalities cannot be missed.",
        "Small abnormalities of the brainstem could be missed.",
    ):
        assert check_sentence(wrong, found).verdict != "supported", wrong


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "About 70 % of the abnormality is brighter than white matter.",
            "About 30 % of it is brighter than white matter.",
        ),
        (
            "1.35 ml of the abnormality is not brighter than white matter.",
            "3.1 ml of it is not brighter than white matter.",
        ),
        ("The bright part forms a ring.", "The bright part forms a solid block."),
        (
            "It is not known whether the bright part has taken up contrast agent.",
            "The bright part has taken up contrast agent.",
        ),
    ],
)
def test_brightness_is_read_in_percent_and_denied(right, wrong):
    found = findings_of("measured glioma")
    assert check_sentence(right, found).verdict == "supported"
    assert check_sentence(wrong, found).verdict != "supported"


def test_a_score_is_not_certainty():
    assert check_sentence("Glioma scored 1.00.", findings_of("left glioma")).verdict == "contradicted"
    assert check_sentence("Glioma scored 0.9.", findings_of("left glioma")).verdict == "supported"


def test_a_warning_may_be_quoted_but_not_when_it_breaks_the_rules_of_wording():
    found = findings_of("three lesions")
    assert check_sentence(f"Warning: {found.warnings[0]}", found).verdict == "supported"
    hostile = found.model_copy(update={"warnings": ("A benign meningioma of 3 cm.",)})
    assert check_sentence("Warning: A benign meningioma of 3 cm.", hostile).verdict != "supported"


def test_every_case_says_that_it_is_for_research_only():
    for case in all_cases():
        assert check_sentence(RESEARCH_USE, findings_of(case)).verdict == "supported"


def test_an_outcome_can_be_stored():
    checked = check_sentence("The lesion lies on the left.", findings_of("left glioma"))
    assert json.loads(checked.model_dump_json())["verdict"] == "supported"


WORDS = sorted(" ".join(words) for rows in entries().values() for words, _, _ in rows)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(all_cases())),
    st.lists(
        st.sampled_from(
            [*WORDS, "0.89", "4.45 ml", "41.6 %", "two", "glioma", "(", ")", ",", ";", ":", "-", "60 x 70 mm"]
        ),
        max_size=12,
    ),
)
def test_any_heap_of_words_gets_a_verdict(case, words):
    assert check_sentence(" ".join(words), findings_of(case)).verdict in ("supported", "contradicted", "unsupported")


# Without vowels: hypothesis draws whole sentences from the program's own words, too, and some of them are true.
@given(st.text(st.characters(exclude_characters="aeiouyAEIOUY"), max_size=60))
def test_any_text_gets_a_verdict_and_hardly_any_is_read(text):
    for checked in check_text(text, findings_of("two lesions")):
        assert checked.verdict in ("contradicted", "unsupported")


# --- in the pipeline and on the command line --------------------------------------------------------------------------


@pytest.mark.parametrize("case", all_cases())
def test_the_narrative_carries_the_outcome_of_every_sentence(case):
    found = findings_of(case)
    story = narrative.checked(narrative.write(found), found)
    assert {sentence.outcome for sentence in story.sentences} == {"supported"}
    assert narrative.Narrative.model_validate_json(story.to_json()) == story


def test_a_contradicted_sentence_is_left_out_and_says_so():
    found, other = findings_of("left glioma"), findings_of("right meningioma")
    story = narrative.checked(narrative.write(other).model_copy(update={"findings_sha256": found.sha256()}), found)
    wrong = [sentence for sentence in story.sentences if sentence.outcome == "contradicted"]
    assert wrong
    assert all("omitted" in sentence.text and sentence.why for sentence in wrong)


TEXT = "Die Läsion liegt links."
PIPED = """
import io, sys
sys.stdin = io.TextIOWrapper(sys.stdin.buffer, encoding="cp1252")  # a pipe on Windows
from XAIReportLib import __main__ as door
sys.exit(door.main(["check", sys.argv[1], "-", "--language", "de", "--json"]))
"""


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
def test_a_text_is_utf_8_wherever_it_comes_from(tmp_path, capsys, mark):
    """With the mark before it, too, that Windows' programs write."""
    (tmp_path / "findings.json").write_bytes(findings_of("left glioma").to_json().encode())
    file = tmp_path / "text.txt"
    file.write_bytes(mark + TEXT.encode() + b"\r\n")
    code = command_line.main(["check", str(tmp_path), str(file), "--language", "de", "--json"])
    read = capsys.readouterr().out
    assert [s["text"] for s in json.loads(read)["sentences"]] == [TEXT]
    assert read.isascii(), "who reads it may take another encoding than that of the output"
    command = [sys.executable, "-c", PIPED, str(tmp_path)]
    piped = subprocess.run(command, input=file.read_bytes(), capture_output=True, check=False)
    assert (piped.returncode, json.loads(piped.stdout)) == (code, json.loads(read)), piped.stderr
    piped = subprocess.run(command, input=b"\xff\xfeD", capture_output=True, check=False)
    assert piped.returncode == 2
    assert b"standard input is not a text in UTF-8" in piped.stderr


def test_a_text_file_is_checked_on_the_command_line(tmp_path, capsys):
    (tmp_path / "findings.json").write_text(findings_of("left glioma").to_json(), encoding="utf-8")
    text = tmp_path / "report.txt"
    text.write_text("The lesion lies on the left.\nThe lesion lies on the right.", encoding="utf-8")
    assert command_line.main(["check", str(tmp_path), str(text)]) == 1
    said = capsys.readouterr().out
    assert "contradicted  The lesion lies on the right." in said
    assert "1 of 2 sentences are supported" in said
    text.write_text("The lesion lies on the left.", encoding="utf-8")
    assert command_line.main(["check", str(tmp_path / "findings.json"), str(text), "--json"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said)["sentences"][0]["verdict"] == "supported"
    assert command_line.main(["check", str(tmp_path / "absent.json"), str(text)]) == 2
    assert command_line.main(["check", str(tmp_path), str(tmp_path / "absent.txt")]) == 2
    assert all(line.endswith(".") for line in capsys.readouterr().err.strip().splitlines())
