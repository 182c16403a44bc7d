"""A language model writes the report in the panel: a real worker asks a real HTTP server; nothing is shown that was not checked."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hands import choose
from PIL import Image
from PySide6 import QtCore  # noqa: F401 - a module that names PySide keeps its own names of properties, here methods

pytestmark = pytest.mark.usefixtures("a_host")
SUGGESTION = "The model suggests glioma with a score of 0.89."


@pytest.fixture
def ask_for(a_review, scripted) -> Callable[[str], None]:
    """Chooses the server that behaves in a way, and presses Write."""

    def ask(behaviour: str) -> None:
        ui = a_review.ui
        choose(ui.narratorSelector, "openai")
        ui.modelEdit.setText("m")
        ui.endpointEdit.setText(scripted.url(behaviour))
        ui.writeButton.click()

    return ask


def test_without_a_model_nothing_can_be_written_and_the_template_needs_none(a_review):
    ui = a_review.ui
    assert not ui.modelEdit.isVisible()
    assert ui.writeButton.isEnabled()
    choose(ui.narratorSelector, "xai")
    assert ui.modelEdit.isVisible()
    assert ui.endpointEdit.placeholderText() == "https://api.x.ai/v1"
    assert "XAI_API_KEY" in ui.endpointEdit.toolTip()
    assert not ui.writeButton.isEnabled()
    assert ui.writeButton.toolTip() == "Name the model first."


def test_findings_leave_the_machine_only_after_consent_that_names_the_host(a_review, a_host, monkeypatch):
    ui, started = a_review.ui, []
    monkeypatch.setattr(a_review.logic.narration, "start", lambda _case, request, _heard: started.append(request))
    choose(ui.narratorSelector, "xai")
    ui.modelEdit.setText("grok")
    a_host.consents = False
    ui.writeButton.click()
    assert "to api.x.ai?" in a_host.questions[-1]
    assert "No image, name, date" in a_host.questions[-1]
    assert "for this case and for further cases, until Slicer is closed" in a_host.questions[-1]
    assert started == []
    a_host.consents = True
    ui.writeButton.click()
    ui.writeButton.click()
    assert [request["allow_remote"] for request in started] == [["api.x.ai"]] * 2
    assert len(a_host.questions) == 2  # asked again only after a no


def test_checked_sentences_arrive_one_by_one_and_what_the_findings_do_not_hold_is_seen_as_left_out(
    a_review, a_case, ask_for, wait_until, choose_folder, tmp_path, a_host
):
    ui, heard = a_review.ui, []
    preview = a_review.panel.shown.report.preview
    a_review.panel.shown.narrator._onSentences = lambda said: (heard.append(len(said)), preview(said))
    template = ui.narrativeText.toPlainText()
    ask_for("good")
    assert ui.writeButton.text() == "Stop"
    wait_until(lambda: ui.narratorLabel.text().startswith("Written by"), 60)
    assert ui.narratorLabel.text().startswith("Written by m (openai); every sentence was checked. 1 answer in ")
    assert ui.narratorLabel.text().endswith("40 tokens read and 2 written.")
    assert a_host.questions == []  # this machine needs no consent
    assert heard == sorted(heard)
    assert 1 in heard
    shown = ui.narrativeText.toPlainText()
    assert f"{SUGGESTION} ✓" in shown
    assert "Left out of the language model's text" in shown
    assert "The lesion lies on the left and measures 4.45 ml. ? not in the findings" in shown
    assert "Segmented abnormality 1:" in shown  # the template's, where nothing of the section stands
    assert "Sides are those of the patient. ✓ template" in shown
    assert "4.45" not in a_review.panel.shown.report.plainText()
    (tmp_path / "out").mkdir()
    choose_folder(tmp_path / "out")
    ui.exportButton.click()
    wait_until(lambda: ui.folderLabel.text().startswith("Exported to"), 60)
    exported = tmp_path / "out" / "phantom-7f3a-report"
    assert SUGGESTION in " ".join((exported / "report.txt").read_text("utf-8").split())
    assert "4.45" not in (exported / "report.html").read_text("utf-8")
    assert json.loads((exported / "narrative.json").read_text("utf-8"))["narrator"] == "openai"
    assert json.loads((a_case / "narrative.json").read_text("utf-8"))["narrator"] == "template"
    choose(ui.narratorSelector, "template")
    ui.writeButton.click()
    wait_until(lambda: ui.narrativeText.toPlainText() == template, 60)
    assert not ui.narratorLabel.isVisible()


def test_what_was_asked_in_vain_is_told_too(a_review, ask_for, wait_until):
    ask_for("nonsense")
    wait_until(lambda: "The text is the template's." in a_review.ui.narratorLabel.text(), 60)
    assert a_review.ui.narratorLabel.text().endswith("80 tokens read and 4 written.")


def test_a_consent_is_kept_for_further_cases_as_the_question_says(a_review, a_host, monkeypatch):
    ui, started = a_review.ui, []
    monkeypatch.setattr(a_review.logic.narration, "start", lambda _case, request, _heard: started.append(request))
    choose(ui.narratorSelector, "mistral")
    ui.modelEdit.setText("m")
    ui.writeButton.click()
    assert len(a_host.questions) == 1
    consent, chosen = a_review.panel.shown.narrator._consent, a_review.panel.shown.narrator._parameters
    assert consent.request(chosen, object())["allow_remote"] == ["api.mistral.ai"]  # of whatever other case
    assert len(a_host.questions) == 1
    choose(ui.narratorSelector, "xai")
    ui.writeButton.click()
    assert len(a_host.questions) == 2  # of another host it is asked
    assert len(started) == 2


def pictures_in(body: dict) -> int:
    content = body["messages"][1]["content"]
    return 0 if isinstance(content, str) else sum("image_url" in part for part in content)


@pytest.fixture
def a_figure(a_case) -> None:
    (a_case / "figures").mkdir(exist_ok=True)
    Image.new("RGB", (90, 60)).save(a_case / "figures" / "lesion.png")


@pytest.mark.usefixtures("a_figure")
def test_pictures_go_with_the_findings_only_when_they_are_chosen(a_review, ask_for, scripted, wait_until):
    ui, sent = a_review.ui, []
    assert not ui.picturesCheckBox.isVisible()
    for _ in range(2):
        ask_for("seeing")
        wait_until(lambda: not a_review.logic.narration.isRunning, 60)
        sent.append(pictures_in(scripted.sent("seeing")["body"]))
        ui.picturesCheckBox.click()
    assert sent == [0, 1]
    assert not ui.errorFrame.isVisible()


@pytest.mark.usefixtures("a_figure")
def test_pictures_leave_the_machine_only_after_a_consent_of_their_own(a_review, a_host, monkeypatch):
    ui, started = a_review.ui, []
    monkeypatch.setattr(a_review.logic.narration, "start", lambda _case, request, _heard: started.append(request))
    choose(ui.narratorSelector, "xai")
    ui.modelEdit.setText("grok")
    ui.writeButton.click()
    assert started.pop()["allow_pictures"] == []
    ui.picturesCheckBox.click()
    a_host.consents = False
    ui.writeButton.click()
    assert "pictures of this case to api.x.ai" in a_host.questions[-1]
    assert "for this case and for further cases, until Slicer is closed" in a_host.questions[-1]
    assert started == []
    a_host.consents = True
    ui.writeButton.click()
    assert started.pop()["allow_pictures"] == ["api.x.ai"]
    assert len(a_host.questions) == 3


@pytest.mark.usefixtures("a_figure")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reader_edit": {"changed": ["lesion-1"]}}, "The pictures show the model's outline"),
        ({"image": {"has_geometry": False}}, "may have a name written into it"),
        (None, "The pictures of this case are not at hand"),
    ],
)
def test_pictures_that_may_not_be_sent_are_not(a_review, a_case, ask_for, scripted, change, reason):
    node = a_review.panel.shown.case.texts["findings.json"]
    if change is None:
        (a_case / "figures").rename(a_case / "elsewhere")
    else:
        node.SetText(json.dumps(json.loads(node.GetText()) | change))
    a_review.ui.picturesCheckBox.click()
    ask_for("not-seeing")
    assert reason in a_review.ui.errorLabel.text()
    assert scripted.all_sent("not-seeing") == []


def test_a_silent_server_is_stopped_and_the_text_is_as_it_was(a_review, ask_for, wait_until):
    ui = a_review.ui
    before = ui.narrativeText.toPlainText()
    ask_for("silence")
    wait_until(lambda: "waiting for openai" in ui.narratorLabel.text(), 60)
    ui.writeButton.click()
    wait_until(lambda: ui.narratorLabel.text() == "Stopped; the text is as it was.", 60)
    assert ui.writeButton.text() == "Write"
    assert ui.narrativeText.toPlainText() == before
    assert not ui.errorFrame.isVisible()


def test_a_server_that_is_not_there_leaves_the_template_and_says_why(a_review, wait_until):
    ui = a_review.ui
    before = ui.narrativeText.toPlainText()
    choose(ui.narratorSelector, "openai")
    ui.modelEdit.setText("m")
    ui.endpointEdit.setText("http://127.0.0.1:9/v1")
    ui.writeButton.click()
    wait_until(lambda: "The text is the template's." in ui.narratorLabel.text(), 60)
    assert ui.narrativeText.toPlainText() == before


SIDES = {
    "French": "Les côtés sont ceux du patient.",
    "German": "Seitenangaben beziehen sich auf den Patienten.",
    "Spanish": "Los lados son los del paciente.",
}


def test_the_template_speaks_other_languages_checked_as_well_and_so_are_the_readers_words(a_review, wait_until):
    ui = a_review.ui
    for name, said in SIDES.items():
        choose(ui.languageSelector, name)
        ui.writeButton.click()
        wait_until(lambda words=said: f"{words} ✓" in ui.narrativeText.toPlainText(), 60)
        assert "Sides are those of the patient." not in ui.narrativeText.toPlainText()
    a_review.panel.shown.report._choose(0)
    ui.sentenceEdit.setPlainText(SIDES["Spanish"])
    wait_until(lambda: ui.verdictLabel.text() == "✓ Supported by the findings.", 60)
    assert not ui.errorFrame.isVisible()
