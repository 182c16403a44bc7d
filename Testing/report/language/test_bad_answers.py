"""Whatever a server sends, and wherever it stops: no crash, no reader left behind, and no answer lost that has ended."""

from __future__ import annotations

import json
import threading
import time
import traceback

import pytest
from cases import findings_of
from XAIReportLib.report import answers, language_models, narrative, outbound, prices, wire
from XAIReportLib.report.chat import Answer, ChatError, ask
from XAIReportLib.report.language_models import Choice

FOUND = findings_of("left glioma")
QUESTION = outbound.question(FOUND)


def readers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "xaireport-language-model"}


@pytest.mark.parametrize("interface", ["chat", "responses"])
@pytest.mark.parametrize("fault", ["unended", "lingering"])
def test_an_answer_that_has_ended_is_taken_whatever_the_connection_does_then(scripted, fault, interface):
    before = len(scripted.all_sent(fault))
    answer = ask(scripted.at(fault, interface, silence_s=20), QUESTION)
    assert json.loads(answer.text)["sentences"]
    assert answer.seconds < 4
    assert len(scripted.all_sent(fault)) == before + 1


def test_a_whole_document_is_taken_without_its_last_chunk(scripted):
    answer = ask(scripted.at("torn"), QUESTION)
    assert (answer.input_tokens, answer.output_tokens) == (3, 4)
    assert len(scripted.all_sent("torn")) == 1


def test_an_answer_that_has_ended_is_not_lost_to_the_limit_in_time(scripted):
    assert ask(scripted.at("lingering", silence_s=20, total_s=1), QUESTION).text


@pytest.mark.parametrize("fault", ["continue", "trickle", "silence"])
def test_no_reader_stays_behind_where_the_head_of_an_answer_never_ends(scripted, fault):
    before = readers()
    with pytest.raises(ChatError, match=r"took longer than 0\.5 s"):
        ask(scripted.at(fault, silence_s=20, total_s=0.5), QUESTION)
    end = time.monotonic() + 5
    while readers() - before and time.monotonic() < end:
        time.sleep(0.05)
    assert not readers() - before


def test_the_body_of_a_redirection_is_not_read(scripted):
    with pytest.raises(ChatError, match="a redirection"):
        ask(scripted.at("maze", total_s=3), QUESTION)


@pytest.mark.parametrize("key", ["sk-€4711", "sk-“4711”", "sk-é", "sk-\n4711"])
def test_a_key_that_cannot_be_sent_is_said_to_be_one_without_a_part_of_it(scripted, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ChatError, match="OPENAI_API_KEY holds a character that no key has") as refused:
        ask(scripted.at("keyed"), QUESTION)
    said = "".join(traceback.format_exception(refused.value))
    for part in ("4711", "€", "“", "20ac", "201c", "é"):
        assert part not in str(refused.value)
        assert part not in said.replace(repr(key), "")
    assert not scripted.all_sent("keyed")


@pytest.mark.parametrize("fault", ["lone", "escaped"])
def test_half_a_character_in_an_answer_costs_no_more_than_its_sentence(scripted, tmp_path, fault):
    said: list[narrative.Sentence | None] = []
    store = tmp_path / "answers.jsonl"
    story = language_models.narrate(FOUND, Choice("openai", "m", scripted.url(fault), store=store), said.append)
    assert story.narrator == "openai"
    assert [s.text for s in story.left_out] == ["The lesion \ufffd is large."]
    assert json.loads(story.to_json().encode())["left_out"][0]["why"]
    assert len([s for s in said if s]) == 2
    assert language_models.narrate(FOUND, Choice("replay", replay=store)).sentences == story.sentences


def test_the_halves_of_a_character_that_a_server_cuts_apart_are_joined():
    assert wire.without_surrogates("\ud83d\ude00 é \ud83d") == "😀 é \ufffd"


def test_an_answer_with_half_a_character_is_kept_whole(tmp_path):
    store, given = tmp_path / "answers.jsonl", Answer("\ud83d", "m", "m")
    assert answers.stored(store, "x", lambda *_: given)(None, None) is given
    assert answers.replay(store, "x")(None, answers.Items(lambda _: None, lambda: None)).text == "\ufffd"


def test_an_impossible_number_of_tokens_is_not_counted_and_costs_nothing_that_can_be_said():
    usage = f'"usage": {{"prompt_tokens": 1{400 * "0"}, "completion_tokens": 1}}'
    piece = wire.piece("chat", f'{{"choices": [{{"finish_reason": "stop"}}], {usage}}}')
    assert (piece.input_tokens, piece.output_tokens) == (None, 1)
    table = {"m": prices.Price(1.0, 2.0, "CHF"), "n": prices.Price(1, 2, "CHF")}
    for name in table:
        assert prices.cost(Answer("", name, name, "", 10**400, 1), table) is None
