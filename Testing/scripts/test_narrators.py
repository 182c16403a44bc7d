"""The figures of language: a known answer for each, and no figure for what was not measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "Testing" / "report" / "grounding")]

for package in ("pyphen", "sacrebleu", "rouge_score", "bert_score"):
    pytest.importorskip(package)

from cases import findings_of  # noqa: E402
from evaluation import _text_measures, dialogue, narrators  # noqa: E402
from XAIReportLib.report import narrative  # noqa: E402
from XAIReportLib.report.language_models import Choice  # noqa: E402

# The example of the lexicalrichness package, whose documentation gives the figures.
KNOWN = """Measure of textual lexical diversity, computed as the mean length of sequential words in a text that maintains a
minimum threshold TTR score. Iterates over words until TTR scores falls below a threshold, then increase factor counter by 1
and start over. McCarthy and Jarvis (2010, pg. 385) recommends a factor threshold in the range of [0.660, 0.750].
(McCarthy 2005, McCarthy and Jarvis 2010)"""


def test_lexical_diversity_of_a_text_with_known_figures():
    words = _text_measures.words(KNOWN)
    assert (len(words), len(set(words))) == (57, 39)
    assert _text_measures.ttr(words) == pytest.approx(0.6842105, abs=1e-7)
    assert _text_measures.mtld(words) == pytest.approx(46.79226361031519, abs=1e-12)


def test_short_words_are_easier_to_read_than_long_ones():
    assert _text_measures.reading_ease(["The cat sat."]) == pytest.approx(206.835 - 1.015 * 3 - 84.6)
    assert _text_measures.reading_ease(["Lesion localisation notwithstanding heterogeneity."]) < 0


def test_neighbours_cohere_when_they_share_more_than_function_words():
    assert (
        _text_measures.coherence(["The lesion is large.", "The lesion lies on the left.", "It is on the score."]) == 0.5
    )
    assert _text_measures.coherence(["One sentence."]) is None


def test_a_text_is_its_own_best_translation():
    text = ["The model suggests glioma with a model score of 0.89 and a margin of 0.81."]
    assert _text_measures.bleu(text, text) == pytest.approx(100)
    assert _text_measures.rouge_l(text, text) == pytest.approx(1)
    assert _text_measures.rouge_l(["nothing alike"], text) == 0


@pytest.fixture(scope="module")
def an_encoder(tmp_path_factory):
    """A folder with a tiny encoder of random weights, as the transformers library stores one."""
    import transformers

    folder = tmp_path_factory.mktemp("encoder")
    words = "the a lesion abnormality lies on left right side model suggests glioma nothing alike .".split()  # noqa: SIM905
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    transformers.set_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **shape)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    return folder


def test_bert_score_tells_the_same_from_the_other_without_a_network(an_encoder):
    text = ["The lesion lies on the left."]
    assert _text_measures.bert_score(text, text, an_encoder) == pytest.approx(1, abs=1e-5)
    near = _text_measures.bert_score(["The abnormality lies on the left side."], text, an_encoder)
    far = _text_measures.bert_score(["Nothing alike glioma suggests."], text, an_encoder)
    assert far < near < 1


def test_a_folder_without_an_encoder_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"no model for BERTScore.*name a folder with"):
        _text_measures.bert_score(["a"], ["a"], tmp_path)


def test_facts_are_found_however_they_are_worded():
    found = findings_of("left glioma")
    template = narrators.facts((s.text for s in narrative.told(found).sentences), found)
    said = narrators.facts(["The lesion lies on the left and measures 4.45 ml."], found)
    assert said == {("side", "left"), ("volume", "4.45")}
    assert said <= template
    assert narrators.facts(["The lesion lies on the right."], found) == set()


def test_kept_answers_are_scored_for_truth_before_anything_else(tmp_path):
    found = findings_of("left glioma")
    items = [
        {"text": "The lesion measures 4.45 ml.", "section": "findings", "evidence": ["/lesions/0/volume_ml"]},
        {"text": "The model suggests meningioma.", "section": "impression", "evidence": ["/prediction/label"]},
    ]
    row = {"findings_sha256": found.sha256(), "answer": {"text": json.dumps({"sentences": items})}}
    row["answer"] |= {"requested": "grok", "returned": "grok"}
    (tmp_path / "answers.jsonl").write_text(json.dumps(row), encoding="utf-8")
    text = narrators._by_model(Choice("replay", replay=tmp_path / "answers.jsonl"))(found)
    figures = narrators.measured({"left glioma": text}, {"left glioma": found})
    assert (figures["sentences"], figures["supported"], figures["contradicted"]) == (2, 1, 1)
    assert (figures["shown"], figures["facts_told"]) == (1, 1)
    assert figures["facts"] > 10
    line = narrators._row("grok", figures)
    assert "| 50.0 % | 1 |" in line


def test_what_was_not_measured_has_no_figure():
    assert narrators._row("absent", {"cases": 0}) == "| absent | 0 |" + " – |" * 12
    stored = {"cases": 1, "narrators": {}}
    assert "not run" in narrators.section(stored)[-1]


def test_questions_are_counted_by_what_they_are_taken_for():
    asked = [("size", "How big is it?"), ("beyond", "Is it malignant?"), ("beyond", "How big is it?"), ("why", "Poem?")]
    assert dialogue.understood(asked) == {"questions": 4, "understood": 2, "beyond": 2, "beyond_answered": 1}
    for file in dialogue.FILES.values():
        assert len(dialogue.questions(dialogue.TESTS / "language" / file)) > 40
