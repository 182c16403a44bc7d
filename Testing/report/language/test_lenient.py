"""An answer in another dress than was asked for is read, and a server that does not heed one way to ask is asked in the next."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from cases import findings_of
from hypothesis import given, settings
from hypothesis import strategies as st
from XAIReportLib.report import dialogue_model, language_models, narrative
from XAIReportLib.report.answers import Items
from XAIReportLib.report.chat import ask
from XAIReportLib.report.language_models import Choice
from XAIReportLib.report.lenient import WithoutThoughts, bare, tidy

FOUND = findings_of("left glioma")
SAID = ["The model suggests glioma with a score of 0.89.", "The lesion lies on the left and measures 4.45 ml."]


def written(at, said=None) -> narrative.Narrative:
    return language_models.write(FOUND, "openai", lambda question, listener: ask(at, question, listener), said)


def own(story: narrative.Narrative) -> set[str]:
    return {s.text for s in story.sentences if s.narrator != "template"}


def dialects(sent: list[dict]) -> list[str]:
    forms = [row["body"].get("response_format") or row["body"].get("text", {}).get("format") or {} for row in sent]
    return [form.get("type", "plain") for form in forms]


@pytest.mark.parametrize("interface", ["chat", "responses"])
@pytest.mark.parametrize("fault", ["fenced", "thinking", "thought", "loose"])
def test_what_stands_around_an_answer_and_how_it_is_written_costs_nothing(scripted, fault, interface):
    before = len(scripted.all_sent(fault))
    story = written(scripted.at(fault, interface))
    assert own(story) == set(SAID)
    assert story.notes == ()
    assert len(scripted.all_sent(fault)) == before + 1


def test_a_message_in_parts_is_joined_without_what_is_no_text(scripted):
    answer = ask(scripted.at("parts"), language_models.outbound.question(FOUND))
    assert json.loads(answer.text)["sentences"]
    assert own(written(scripted.at("parts"))) == set(SAID)


@pytest.mark.parametrize("interface", ["chat", "responses"])
def test_after_an_answer_that_cannot_be_read_the_next_dialect_is_tried(scripted, interface):
    before = len(scripted.all_sent("deaf"))
    story = written(scripted.at("deaf", interface))
    assert dialects(scripted.all_sent("deaf")[before:]) == ["json_schema", "json_object"]
    assert own(story) == set(SAID)
    assert len(story.notes) == 1


def test_after_an_answer_whose_form_is_right_no_looser_one_is_asked_for(scripted):
    """Without a schema a small model may not come to an end."""
    before = len(scripted.all_sent("nonsense"))
    story = written(scripted.at("nonsense"))
    assert dialects(scripted.all_sent("nonsense")[before:]) == ["json_schema"] * 2
    assert story.sentences == narrative.told(FOUND).sentences


def test_a_question_is_asked_in_the_next_dialect_too(scripted):
    before = len(scripted.all_sent("deaf"))
    reply = dialogue_model.reply("Which side?", FOUND, Choice("openai", "m", scripted.url("deaf")))
    assert reply.narrator == "openai"
    assert dialects(scripted.all_sent("deaf")[before:]) == ["json_schema", "json_object"]


def test_a_server_that_gives_no_answer_is_asked_in_the_same_dialect_again(scripted):
    before = len(scripted.all_sent("cut"))
    written(scripted.at("cut"))
    assert dialects(scripted.all_sent("cut")[before:]) == ["json_schema"] * 2


def test_nothing_of_a_thought_is_said_aloud(scripted):
    said: list[narrative.Sentence | None] = []
    written(scripted.at("thinking"), said.append)
    assert [s and s.text for s in said] == [None, *SAID]
    heard: list[narrative.Sentence | None] = []
    written(scripted.at("thought"), heard.append)  # the server has kept the beginning of it
    assert [s and s.text for s in heard][-3:] == [None, *SAID]


DOCUMENT = json.dumps({"sentences": [{"text": "a {b} <think>", "section": "findings", "evidence": ["/x"]}]})
AROUND = st.text(st.characters(exclude_characters="{}"), max_size=30).filter(lambda t: "think" not in t)


@settings(max_examples=150, deadline=None)
@given(AROUND, AROUND, st.booleans(), st.lists(st.integers(0, 400), max_size=8))
def test_the_document_is_found_and_heard_wherever_it_stands(before, after, thinks, cuts):
    text = ("<think>{ not this } </think>" if thinks else "") + before + DOCUMENT + after
    assert json.loads(bare(text)) == json.loads(DOCUMENT)
    taken: list = []
    listener = WithoutThoughts(Items(taken.append, taken.clear))
    listener.begin()
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    for a, b in pairwise(places):
        listener.add(text[a:b])
    assert [item["text"] for item in taken] == ["a {b} <think>"]


@pytest.mark.parametrize(
    "text", ["", "{", "{" * 50_000, '{"a": ' * 20_000, "[" * 30_000, "</think>", "<think>", "null", "[]"]
)
def test_what_holds_no_document_is_left_as_it_is(text):
    assert bare(text) == text


def test_a_long_thought_before_an_answer_is_no_reason_not_to_hear_it():
    taken: list = []
    listener = WithoutThoughts(Items(taken.append, taken.clear))
    listener.begin()
    for piece in ("<think>", *["why not " * 500] * 20, "</think>", DOCUMENT):
        listener.add(piece)
    assert len(taken) == 1


@pytest.mark.parametrize("item", [None, 1, "x", [], {}, {"section": 1, "evidence": None}])
def test_what_is_no_item_is_not_tidied(item):
    assert tidy(item) == item
