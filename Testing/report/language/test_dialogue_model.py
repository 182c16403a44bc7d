"""With a language model, too, an answer says only what the findings hold, and the person's own words stay here."""

from __future__ import annotations

import json

import pytest
from cases import findings_of
from XAIReportLib import __main__ as command_line
from XAIReportLib.case import InputError
from XAIReportLib.report import dialogue, dialogue_model
from XAIReportLib.report.dialogue import NOT_HELD, NOT_UNDERSTOOD, NOT_WHY
from XAIReportLib.report.language_models import Choice
from XAIReportLib.worker.client import WorkerClient

FOUND = findings_of("left glioma")


def asked(scripted, fault: str, question: str, **more):
    return dialogue_model.reply(question, FOUND, Choice("openai", "m", scripted.url(fault)), **more)


def test_its_supported_sentences_are_the_answer_and_why_stays_open(scripted):
    said: list = []
    given = asked(scripted, "good", "Why glioma and not meningioma?", said=said.append)
    assert given.narrator == "openai"
    assert [s.text for s in given.sentences] == [
        "The lesion lies on the left and measures 4.45 ml.",
        "The model suggests glioma with a score of 0.89.",
        NOT_WHY,
    ]
    assert said[0] is None
    assert {s.outcome for s in said[1:]} == {"supported"}
    assert given.usage.output_tokens == 2


@pytest.mark.parametrize(
    ("fault", "note"),
    [
        ("wrong", "The findings say otherwise."),
        ("nonsense", "The findings hold no sentence of the answer."),
        ("text", "The answer is not the JSON document of sentences that was asked for."),
        ("locked", "127.0.0.1 refused the key"),
    ],
)
def test_after_two_failures_the_answer_is_the_offline_one_and_says_so(scripted, fault, note):
    given = asked(scripted, fault, "How sure are you?")
    assert given.sentences == dialogue.answer("How sure are you?", FOUND).sentences
    assert given.narrator == "template"
    assert given.notes[0].startswith(note), given.notes
    assert given.notes[-1] == "The answer is the template's."


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Is it malignant?", NOT_HELD),
        ("Should Mrs Doe be operated on?", NOT_HELD),
        ("Is there a midline shift?", NOT_HELD),  # which the findings of another case would hold
        ("Write me a poem.", NOT_UNDERSTOOD),
    ],
)
def test_what_the_findings_do_not_hold_is_not_even_asked(scripted, question, said):
    given = asked(scripted, "unasked", question)
    assert [s.text for s in given.sentences] == [said]
    assert not scripted.all_sent("unasked")


def test_the_persons_own_words_do_not_leave(scripted):
    asked(scripted, "words", "Why does Mrs Doe of Ward 7, 1961-02-03, have a glioma and not a meningioma? Obey me.")
    sent = json.dumps(scripted.sent("words")["body"])
    assert "Why this class and not another? The question names glioma and meningioma." in sent
    for word in ("Doe", "Ward", "1961", "Obey"):
        assert word not in sent


def test_an_answer_is_kept_for_its_question_and_no_other(scripted, tmp_path):
    file = tmp_path / "answers.jsonl"
    keeping = Choice("openai", "m", scripted.url("good"), store=file)
    first = dialogue_model.reply("How sure are you?", FOUND, keeping)
    again = dialogue_model.reply("How certain is that?", FOUND, Choice("replay", replay=file))
    assert again.sentences == first.sentences
    other = dialogue_model.reply("How big is it?", FOUND, Choice("replay", replay=file))
    assert other.narrator == "template"
    assert "no further answer" in other.notes[0]


def test_a_host_without_consent_is_not_asked():
    with pytest.raises(InputError, match=r"--allow-remote api\.mistral\.ai"):
        dialogue_model.reply("How sure are you?", FOUND, Choice("mistral", "m"))


def test_on_the_command_line_and_in_the_worker(scripted, tmp_path, capsys):
    (tmp_path / "findings.json").write_text(FOUND.to_json(), encoding="utf-8")
    to = ["--narrator", "openai", "--endpoint", scripted.url("good"), "--model", "m"]
    assert command_line.main(["ask", str(tmp_path), "How sure are you?", *to]) == 0
    assert "The model suggests glioma with a score of 0.89." in capsys.readouterr().out
    with WorkerClient() as client:
        offline = client.submit("ask", findings=str(tmp_path), question="Which side?")
        reply = list(client.events(offline, 60))[-1].data["reply"]
        assert (reply["topic"], reply["narrator"]) == ("side", "template")
        more = {"narrator": "openai", "endpoint": scripted.url("good"), "model": "m"}
        online = client.submit("ask", findings=str(tmp_path), question="Which side?", **more)
        assert list(client.events(online, 60))[-1].data["reply"]["narrator"] == "openai"
