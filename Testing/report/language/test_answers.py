"""An answer is read while it arrives, wherever its pieces are cut, and whatever it is."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from XAIReportLib.report.answers import Items, items_of
from XAIReportLib.report.chat import ChatError

texts = st.text(max_size=30)
items = st.lists(
    st.fixed_dictionaries({"text": texts, "section": texts, "evidence": st.lists(texts, max_size=3)}), max_size=5
)


def heard(pieces: list[str]) -> list:
    taken: list = []
    listener = Items(taken.append, taken.clear)
    listener.begin()
    for piece in pieces:
        listener.add(piece)
    return taken


@settings(max_examples=200, deadline=None)
@given(items, st.lists(st.integers(0, 600), max_size=12), st.booleans())
def test_the_items_are_the_same_wherever_the_pieces_are_cut(said, cuts, wide):
    text = json.dumps({"sentences": said}, indent=2 if wide else None)
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    assert heard(pieces) == said


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200), items.map(lambda said: json.dumps({"sentences": said})[:-2]), st.just("[" * 30_000)
    )
)
def test_nothing_that_a_server_sends_breaks_the_reader(text):
    heard([text[:50], text[50:]])
    try:
        items_of(text)
    except ChatError as error:
        assert str(error).endswith(".")


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"sentences": {"text": "x"}}', '{"sentences": [1, null, "x"]}'])
def test_another_form_than_was_asked_for_is_no_answer(text):
    with pytest.raises(ChatError):
        items_of(text)
