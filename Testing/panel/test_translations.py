"""Every word that the panel says can be translated: it comes from ``tr`` or from the .ui file, or it is a name in the result."""

from __future__ import annotations

import ast
import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hands import choose, click_row, click_sentence
from phantom_case import phantom_of_two_classes
from PySide6 import QtGui, QtWidgets

MODULE = Path(__file__).resolve().parents[2] / "XAIReport"
UI = MODULE / "Resources" / "UI" / "XAIReport.ui"
FILES = (MODULE / "XAIReport.py", *sorted((MODULE / "XAIReportLib" / "panel").glob("*.py")))

# What is seen of a widget, by Qt's names.
SEEN = ("text", "toolTip", "statusTip", "whatsThis", "accessibleName", "accessibleDescription", "placeholderText", "title",
        "windowTitle", "suffix", "prefix", "plainText", "format")  # fmt: skip
INSIDE = re.compile(r"⟦[^⟦⟧]*⟧")
WORD = re.compile(r"[^\W\d_]{2,}")


def marked(text: str, context: str | None = None) -> str:  # noqa: ARG001 - the original's signature
    return f"⟦{text}⟧"


def seen_in(widget: QtWidgets.QWidget) -> Iterator[str]:
    """Every text of a widget, shown now or not."""
    meta = widget.metaObject()
    for name in SEEN:
        if meta.indexOfProperty(name) >= 0:
            yield str(widget.property(name))
    if isinstance(widget, QtWidgets.QTextEdit):
        yield widget.toPlainText()
    elif isinstance(widget, QtWidgets.QComboBox):
        yield from (widget.itemText(index) for index in range(widget.count()))
    elif isinstance(widget, QtWidgets.QTableWidget):
        headers = [widget.horizontalHeaderItem(column) for column in range(widget.columnCount())]
        cells = [widget.item(row, column) for row in range(widget.rowCount()) for column in range(widget.columnCount())]
        for item in filter(None, headers + cells):
            yield from (item.text(), item.toolTip())


class Looker:
    """Looks at all widgets again and again, and keeps what no translator could reach."""

    def __init__(self, names: list[str]) -> None:
        self._names = sorted(names, key=len, reverse=True)
        self._of_the_file = {text for text in ET.parse(UI).getroot().itertext() if text.strip()}
        self.found: set[str] = set()

    def look(self, parent: QtWidgets.QWidget) -> None:
        for widget in parent.findChildren(QtWidgets.QWidget):
            # Slicer's own words in its own widget, and what Python says of an error.
            if type(widget.parent()).__name__ != "qMRMLNodeComboBox" and widget.objectName() != "detailsText":
                for text in seen_in(widget):
                    self.read(text)

    def read(self, text: str) -> None:
        if text in self._of_the_file:
            return
        rest = QtGui.QTextDocumentFragment.fromHtml(text).toPlainText() if text.startswith("<") else text
        rest = rest.replace("\xa0", " ")
        while INSIDE.search(rest):
            rest = INSIDE.sub(" ", rest)
        for name in self._names:
            rest = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", rest)
        if WORD.search(rest):
            self.found.add(text)


# Answers whatever is asked, in figures only: what a worker says is not the panel's.
BODY = """
analyses = 0
sentence = {"section": "impression", "text": "§2", "evidence": ["/prediction/scores"], "outcome": "contradicted", "why": "§"}
while request is not None:
    id, params, type = request["id"], request["params"], request["type"]
    if type == "analyze":
        analyses += 1
        for stage in ("read", "predict", "saliency", "counterfactuals", "anatomy", "report", "write"):
            tell("progress", id, stage=stage, fraction=0.9, message="12/24")
            time.sleep(0.12)
        if analyses == 1:
            ask()
            tell("cancelled", id)
        else:
            tell("error", id, message="", details="17")
    elif type == "check":
        outcome = {"42": "contradicted", "43": "unsupported"}.get(params["texts"][0], "supported")
        tell("result", id, checked=[{"outcome": outcome, "why": "§"}])
    elif type in ("narrate", "ask"):
        tell("progress", id, message="")
        tell("progress", id, sentence=sentence)
        time.sleep(0.1)
        if params["narrator"] == "template":
            tell("error", id, message="")
        elif type == "narrate":
            tell("result", id, narrative={"narrator": "ollama", "model_returned": "7", "sentences": [sentence],
                 "left_out": [sentence], "findings_sha256": hashlib.sha256(open(params["findings"], "rb").read()).hexdigest()})
        else:
            tell("result", id, reply={"question": params["question"], "sentences": [sentence], "left_out": [sentence],
                 "narrator": "ollama"})
    elif type != "cancel":
        tell("error", id, message="")
    request = ask()
"""


@pytest.fixture
def a_case(tmp_path: Path) -> Path:
    """A result of two classes whose sentences are figures, so that every word that is left is the panel's."""
    from engine_results import write_engine_result
    from XAIReportLib.results import SaliencyCheck

    check = SaliencyCheck(False, ("stability",), {"agreement": 0.71, "stability": 0.42})
    folder = write_engine_result(tmp_path / "results" / "phantom-7f3a", phantom_of_two_classes(), check=check)
    story = json.loads((folder / "narrative.json").read_text("utf-8"))
    for number, sentence in enumerate(story["sentences"]):
        sentence["text"] = f"§{number}."
    (folder / "narrative.json").write_text(json.dumps(story), "utf-8")
    return folder


def names_in(folder: Path) -> list[str]:
    """What is called by its own name in every language of the panel: the result's words and those of the engine's tables."""
    from XAIReportLib.report.servers import SERVERS
    from XAIReportLib.report.wording import CHECK_NAMES, class_name, class_name_in_full, method_name, region_name
    from XAIReportLib.results import SALIENCY_METHODS

    found = json.loads((folder / "findings.json").read_text("utf-8"))
    classes = found["prediction"]["scores"]
    rows = [row for owner in (*found["lesions"], *found["saliency"]) for row in owner["regions"]]
    return [
        *map(class_name, classes), *map(class_name_in_full, classes), *map(method_name, SALIENCY_METHODS),
        *CHECK_NAMES.values(), *found["warnings"], *(region_name(row["name"], row.get("side")) for row in rows), *SERVERS,
        *(server.url for server in SERVERS.values() if server.url), "brain_tumor_mri", "phantom-7f3a", "Patient Name",
        "CPU: PyTorch was built without CUDA", str(folder), str(folder.parent.parent), "ollama", "cuda", "cpu",
    ]  # fmt: skip


@pytest.fixture
def walk(a_host, monkeypatch, open_panel, a_volume, a_worker, a_case, wait_until, tmp_path) -> Any:
    """The panel with a ``tr`` that marks what went through it, and a wait that looks at everything meanwhile."""
    import slicer

    monkeypatch.setattr(sys.modules["slicer.i18n"], "tr", marked)
    monkeypatch.setattr(sys.modules["slicer.i18n"], "translate", lambda _context, text: marked(text))
    looker, asked = Looker(names_in(a_case)), []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *words, **_more: (asked.extend(words), True)[1])
    import qt

    folders = [str(a_case), str(tmp_path / "out")]
    (tmp_path / "out").mkdir()

    def dialogue(_parent: Any, title: str, _place: str) -> str:
        looker.read(title)
        return folders.pop(0)

    monkeypatch.setattr(qt, "QFileDialog", SimpleNamespace(getExistingDirectory=dialogue))
    widget = open_panel(a_worker("import hashlib\n" + BODY))

    def wait(condition: Callable[[], Any], seconds: float = 60.0) -> None:
        wait_until(lambda: (looker.look(widget.parent), condition())[1], seconds)

    yield SimpleNamespace(
        widget=widget, ui=widget.ui, wait=wait, looker=looker, host=a_host, volume=a_volume, asked=asked
    )
    for words in asked:
        looker.read(words)
    looker.look(widget.parent)
    assert looker.found == set()


def test_no_word_before_and_during_an_analysis_escapes_a_translator(walk):
    import XAIReport

    parent = SimpleNamespace(path=XAIReport.__file__)
    XAIReport.XAIReport(parent)
    for text in (parent.title, *parent.categories, parent.helpText, parent.acknowledgementText):
        assert text.startswith("⟦")
    ui, logic = walk.ui, walk.widget.logic
    walk.wait(lambda: True)
    ui.volumeSelector.setCurrentNode(walk.volume)
    walk.wait(ui.deviceReasonLabel.text)
    for box in (ui.gradcamPlusPlusCheckBox, ui.gradcamCheckBox, ui.scorecamCheckBox):
        box.click()
    walk.wait(lambda: not ui.analyzeButton.isEnabled())
    ui.layercamCheckBox.click()
    ui.analyzeButton.click()
    walk.wait(lambda: "Saving the result" in ui.stageLabel.text())
    ui.analyzeButton.click()
    walk.wait(lambda: not logic.isRunning)
    ui.analyzeButton.click()
    walk.wait(lambda: not logic.isRunning and ui.errorLabel.isVisible())
    walk.host.packaging.unsatisfied, walk.host.packaging.declines = {"nibabel", "timm"}, True
    walk.widget.panel._installation.update()
    walk.wait(ui.needLabel.text)
    ui.analyzeButton.click()
    walk.wait(lambda: "not installed" in ui.errorLabel.text())


def test_no_word_of_a_shown_result_escapes_a_translator(walk):
    ui, logic, wait = walk.ui, walk.widget.logic, walk.wait
    ui.loadResultButton.click()
    wait(lambda: not logic.isOpening)
    wait(ui.percentileSlider.isEnabled)
    for index in range(ui.heatMapSelector.count()):
        ui.heatMapSelector.setCurrentIndex(index)
        wait(lambda: True)
    ui.heatMapSelector.setCurrentIndex(0)
    wait(ui.percentileSlider.isEnabled)
    ui.percentileSlider.setValue(91.0)
    wait(lambda: "Set by the reader" in ui.percentileStateLabel.text())
    click_row(ui.regionsTable, 0)
    click_sentence(ui.narrativeText, "§1.")
    for number, sign in enumerate("✓✗?", start=1):
        click_sentence(ui.narrativeText, f"§{number}.")
        ui.sentenceEdit.setPlainText(f"4{number}")
        ui.keepWordingButton.click()
        wait(lambda shown=f"4{number} {sign} ": shown in ui.narrativeText.toPlainText())
    ui.copyButton.click()
    copied = QtWidgets.QApplication.clipboard().text()
    assert "“42”" in copied
    walk.looker.read(copied)
    choose(ui.narratorSelector, "⟦template⟧")
    ui.writeButton.click()
    wait(lambda: not logic.narration.isRunning)
    choose(ui.narratorSelector, "xai")
    wait(lambda: "Name the model" in ui.writeButton.toolTip())
    ui.modelEdit.setText("7")
    ui.questionEdit.setText("8")
    wait(lambda: True)
    ui.askButton.click()
    wait(lambda: not logic.answering.isRunning and ui.answersText.isVisible())
    ui.writeButton.click()
    wait(lambda: not logic.narration.isRunning and "Written by" in ui.narratorLabel.text())
    assert len(walk.asked) == 2  # what is sent, and the title of the question
    ui.reviewerEdit.setText("9")
    ui.reviewButton.click()
    wait(lambda: ui.reviewButton.isEnabled() and ui.errorFrame.isVisible())
    ui.correctButton.click()
    wait(lambda: True)


SHOWN = {*SEEN, "html"}
SHOWING = re.compile(
    r"set(Text|ToolTip|ItemText|PlainText|Html|WindowTitle|\w*HeaderLabels|Accessible\w+)|addItems?|insertItems?|"
    r"Q(CheckBox|Label|PushButton|TableWidgetItem|Action|RadioButton)|\w+Display|heading"
)


def words_of(source: str) -> list[tuple[int, str]]:
    """Line and text of what is said in Python without ``_``: several words anywhere, one word where it is shown, and what ``_`` is
    given that no tool can extract."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    wrong = []
    for node in ast.walk(tree):
        if _translates(node):
            wrong += [(node.lineno, ast.unparse(node)) for given in node.args if not isinstance(given, ast.Constant)]
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or isinstance(parents[node], ast.Expr):
            continue
        chain = [node]
        while chain[-1] in parents:
            chain.append(parents[chain[-1]])
        if any(_translates(a) or (isinstance(a, ast.ClassDef) and a.name.endswith("Test")) for a in chain):
            continue
        said = re.sub(r"<[^>]*(>|$)", "", node.value)
        several = re.search(r"[^\W\d_]{2,}[,;:.]? +[^\W\d_]{2,}", said)
        if several or (WORD.search(said) and _is_shown(chain)):
            wrong.append((node.lineno, node.value))
    return wrong


def _translates(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "translate")


def _is_shown(chain: list[ast.AST]) -> bool:
    """Whether a constant becomes a widget's text: ``chain`` is the constant and all that it stands in."""
    for child, node in pairwise(chain):
        if isinstance(node, ast.Assign):
            places = [
                p for target in node.targets for p in (target.elts if isinstance(target, ast.Tuple) else [target])
            ]
            return any(isinstance(place, ast.Attribute) and place.attr in SHOWN for place in places)
        if isinstance(node, ast.Call) and child is not node.func:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called == "get" and child in node.args[1:]:
                continue
            return bool(SHOWING.fullmatch(called))
        if isinstance(node, ast.Compare) or child in (getattr(node, "slice", None), getattr(node, "test", None)):
            return False
        if isinstance(node, ast.Dict) and child in node.keys:
            return False
    return False


NAMES = {"XAIReport contributors"}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_no_words_stand_in_python_without_tr(file):
    assert [(line, text) for line, text in words_of(file.read_text("utf-8")) if text not in NAMES] == []


@pytest.mark.parametrize(
    "mistake",
    [
        "label.text = 'Stop'",
        "a.text, a.enabled = ('Stop' if x else 'Go'), True",
        "label.text = f'{count} slices'",
        "label.text = {'a': 'Stop'}.get(key, _('Go'))",
        "label.text = names.get(key, 'Go')",
        "label.toolTip = why or 'Go'",
        "selector.addItem('none', '')",
        "box = qt.QCheckBox('Everything')",
        "raise InputError('The folder is gone.')",
        "names = {'a': 'Two words'}",
        "label.text = _(f'{count} slices')",
        "label.text = _(word)",
        "slicer.util.errorDisplay('Failed')",
    ],
)
def test_a_bare_word_is_found(mistake):
    assert words_of(mistake)


def test_the_ui_file_keeps_no_string_from_translators():
    assert [node.text for node in ET.parse(UI).iter("string") if node.get("notr") == "true"] == []
