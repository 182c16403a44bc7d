"""Questions about a case: a real worker answers from the findings, each sentence with the check's word and its evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hands import choose, click_sentence, edit_outline
from phantom_case import analysed_phantom
from PySide6 import QtCore, QtTest
from scipy import ndimage

pytestmark = pytest.mark.usefixtures("a_host")
NOT_HELD = "These findings do not hold that."


@pytest.fixture
def ask(a_review, wait_until) -> Any:
    """Types a question, presses Ask and waits for the answer; gives what is shown."""

    def ask_(question: str) -> str:
        ui = a_review.ui
        ui.questionEdit.setText(question)
        ui.askButton.click()
        wait_until(lambda: not a_review.logic.answering.isRunning, 60)
        assert not ui.errorFrame.isVisible(), ui.errorLabel.text()
        return ui.answersText.toPlainText()

    return ask_


def test_why_is_answered_with_scores_and_says_that_the_findings_do_not_hold_why(ask, a_review):
    ui = a_review.ui
    assert not ui.answersText.isVisible()
    shown = ask("Why glioma and not meningioma?")
    assert shown.startswith("Why glioma and not meningioma?")
    assert "The margin between glioma and meningioma is 0.81. ✓" in shown
    assert "These findings do not hold why." in shown
    assert ui.questionEdit.text() == ""


def test_what_the_findings_do_not_hold_is_answered_so(ask):
    assert NOT_HELD in ask("Is it malignant?")
    shown = ask("How sure are you?")
    assert shown.index("How sure are you?") < shown.index("Is it malignant?")  # the newest comes first
    assert "entropy" in shown
    assert shown.count(NOT_HELD) == 1


def test_return_asks_and_nothing_is_asked_without_words(a_review, wait_until):
    ui = a_review.ui
    for words in ("", "   "):
        ui.questionEdit.setText(words)
        assert not ui.askButton.isEnabled()
        QtTest.QTest.keyClick(ui.questionEdit, QtCore.Qt.Key_Return)
    assert not a_review.logic.answering.isRunning
    ui.questionEdit.setText("Where is it?")
    QtTest.QTest.keyClick(ui.questionEdit, QtCore.Qt.Key_Return)
    assert ui.askButton.text() == "Stop"
    ui.questionEdit.setText("How big")
    wait_until(lambda: "projects onto" in ui.answersText.toPlainText(), 60)
    assert ui.questionEdit.text() == "How big"  # what is typed meanwhile stays


def test_without_a_result_there_is_nothing_to_ask(open_panel):
    ui = open_panel().ui
    assert not ui.questionEdit.isEnabled()
    assert not ui.askButton.isEnabled()
    assert ui.askButton.toolTip() == "Open a result first."


def test_a_click_on_a_sentence_of_an_answer_shows_its_evidence(ask, a_review, a_host):
    ui, analysed = a_review.ui, analysed_phantom()
    ask("How big is it?")
    ask("How sure are you?")
    click_sentence(ui.answersText, "Segmented abnormality 2:")
    assert "lesions/1/volume_ml = " in ui.answerRestsOnLabel.text()
    place = [
        a_host.scene.GetNodeByID(f"vtkMRMLSliceNode{name}").GetSliceToRAS().GetElement(axis, 3)
        for name, axis in (("Yellow", 0), ("Green", 1), ("Red", 2))
    ]
    i, j, k = np.rint(np.linalg.inv(analysed.case.affine) @ [*place, 1])[:3].astype(int)
    assert analysed.prediction.lesion_labels[i, j, k] == 2
    ask("Is it malignant?")  # another answer comes before it; what was chosen is chosen no more
    assert not ui.answerRestsOnLabel.isVisible()


def test_answers_go_when_the_findings_change(ask, a_review, wait_until):
    ui, analysed = a_review.ui, analysed_phantom()
    ask("How big is it?")
    bigger = ndimage.binary_dilation(analysed.prediction.lesion_labels == 1, iterations=2)
    edit_outline(a_review, "lesion-1", bigger & (analysed.prediction.lesion_labels != 2))
    wait_until(lambda: "edited by the reader" in ui.narrativeText.toPlainText(), 60)
    assert ui.answerLabel.text() == "The findings have changed; ask again."
    assert not ui.answersText.isVisible()
    volume = bigger.sum() * analysed.case.voxel_ml
    assert f"Segmented abnormality 1 (edited by the reader): {volume:.2f} ml" in ask("How big is it?")


def with_a_model(review: Any, scripted: Any, behaviour: str) -> Any:
    ui = review.ui
    choose(ui.narratorSelector, "openai")
    ui.modelEdit.setText("m")
    ui.endpointEdit.setText(scripted.url(behaviour))
    return ui


def test_a_language_model_answers_under_the_same_check_and_never_sees_the_readers_words(ask, a_review, scripted):
    ui, heard = with_a_model(a_review, scripted, "good"), []
    ui.answersText.textChanged.connect(lambda: heard.append(ui.answersText.toPlainText()))
    shown = ask("Honestly, Dr. Smith asks: why glioma and not meningioma?")
    assert "The model suggests glioma with a score of 0.89. ✓" in shown
    assert any("score of 0.89. ✓" in text and "Left out" not in text for text in heard)  # while it arrived
    assert "Left out of the language model's text" in shown
    assert "The lesion lies on the left and measures 4.45 ml. ? not in the findings" in shown
    assert ui.answerLabel.text().startswith("Answered by openai; every sentence was checked.")
    assert "Smith" not in str(scripted.sent("good")["body"])


def test_without_consent_nothing_is_asked_and_the_consent_holds_for_the_report_too(a_review, a_host, monkeypatch):
    ui, started = a_review.ui, []
    for narration in (a_review.logic.answering, a_review.logic.narration):
        monkeypatch.setattr(narration, "start", lambda _case, request, _heard: started.append(request))
    choose(ui.narratorSelector, "xai")
    ui.questionEdit.setText("Why?")
    assert ui.askButton.toolTip() == "Name the model first."
    ui.modelEdit.setText("grok")
    a_host.consents = False
    ui.askButton.click()
    assert "to api.x.ai?" in a_host.questions[-1]
    assert started == []
    assert ui.questionEdit.text() == "Why?"
    a_host.consents = True
    ui.askButton.click()
    ui.writeButton.click()
    assert [request["allow_remote"] for request in started] == [["api.x.ai"]] * 2
    assert len(a_host.questions) == 2


def test_a_silent_server_is_stopped_and_the_question_stays(a_review, scripted, wait_until):
    ui = with_a_model(a_review, scripted, "silence")
    ui.questionEdit.setText("Why glioma?")
    ui.askButton.click()
    wait_until(lambda: "waiting for openai" in ui.answerLabel.text(), 60)
    ui.askButton.click()
    wait_until(lambda: ui.answerLabel.text() == "Stopped.", 60)
    assert ui.askButton.text() == "Ask"
    assert ui.questionEdit.text() == "Why glioma?"
    assert not ui.errorFrame.isVisible()


def test_a_server_that_is_not_there_leaves_the_templates_answer_and_says_why(ask, a_review):
    ui = a_review.ui
    choose(ui.narratorSelector, "openai")
    ui.modelEdit.setText("m")
    ui.endpointEdit.setText("http://127.0.0.1:9/v1")
    assert "The margin between glioma and meningioma is 0.81. ✓" in ask("Why glioma and not meningioma?")
    assert "The answer is the template's." in ui.answerLabel.text()


@pytest.mark.parametrize(
    ("kind", "details"),
    [("internal", "Traceback (most recent call last): in checker_of"), ("input", "")],
)
def test_why_a_question_has_no_answer_is_said_with_what_the_worker_knows_of_it(
    review, a_case, a_worker, wait_until, kind, details
):
    error = {"message": "The question cannot be read.", "details": details, "kind": kind}
    ui = review(a_case, a_worker(f'tell("error", id, **{error!r})\nask()\n')).ui
    ui.questionEdit.setText("Where is it?")
    ui.askButton.click()
    wait_until(ui.errorFrame.isVisible, 60)
    assert ui.errorLabel.text() == "The question cannot be read."
    assert ui.detailsText.toPlainText() == details
    assert ui.detailsButton.isVisible() == bool(details)
