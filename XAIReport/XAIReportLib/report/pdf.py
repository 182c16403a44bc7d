"""The report as PDF (reportlab): what report.html holds, on A4, with the notice and the page number on every page."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Table as Grid

from .content import Content, Picture, Statement
from .tables import Table

_MARGIN = 16 * mm
_TOP, _BOTTOM = 20 * mm, 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_SIZES, _PADDING = (7.5, 7.0, 6.5), 5  # of tables, in points
_LONG, _ROOM = 14, 60 * mm  # rows of a grid that may begin on one page and end on the next; what it needs to begin
_WORD = re.compile(r"[^\s-]+-?|-")  # what a header may be broken between
_INK, _SOFT, _LINE = colors.HexColor("#17202a"), colors.HexColor("#57636f"), colors.HexColor("#d9dfe5")
_NOTICES = {"banner": ("#fde7e4", "#c0392b", "#7a1408"), "warning": ("#fff4d6", "#d49a00", "#5b3d00")}
_FONT, _BOLD = "XAIReportSans", "XAIReportSans-Bold"
# Letters that DejaVu Sans lacks, and the fonts that PDF readers have for them: the first whose letters are in a text.
_EAST_ASIAN = re.compile("[\u1100-\u11ff\u2e80-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]+")
_EAST_ASIAN_FONTS = {
    "HYSMyeongJo-Medium": re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]"),
    "HeiseiMin-W3": re.compile("[\u3040-\u30ff\uff66-\uff9d]"),
    "STSong-Light": _EAST_ASIAN,
}


def report_pdf(content: Content) -> bytes:
    """The PDF's bytes; the same content always gives the same bytes."""
    _register_fonts()
    data = io.BytesIO()
    document = BaseDocTemplate(
        data,
        pagesize=A4,
        title=f"XAIReport {content.case_id}",
        author="XAIReport",
        subject=content.disclaimers[0],
        invariant=1,
    )
    no_padding = {f"{side}Padding": 0 for side in ("left", "right", "top", "bottom")}
    frame = Frame(_MARGIN, _BOTTOM, _WIDTH, A4[1] - _TOP - _BOTTOM, **no_padding)
    document.addPageTemplates([PageTemplate(frames=[frame])])
    document.build(_story(content), canvasmaker=lambda *a, **k: _NumberedCanvas(content, *a, **k))
    return data.getvalue()


def _register_fonts() -> None:
    """DejaVu Sans of matplotlib, embedded: it holds every sign that a case id or a region's name may hold. A reader's
    sentence may be Chinese, Japanese or Korean, whose fonts are only named: text can be copied wherever it is opened."""
    from matplotlib import get_data_path

    fonts = Path(get_data_path()) / "fonts" / "ttf"
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(_FONT, str(fonts / "DejaVuSans.ttf")))
        pdfmetrics.registerFont(TTFont(_BOLD, str(fonts / "DejaVuSans-Bold.ttf")))
        pdfmetrics.registerFontFamily(_FONT, normal=_FONT, bold=_BOLD, italic=_FONT, boldItalic=_BOLD)
        for name in _EAST_ASIAN_FONTS:
            pdfmetrics.registerFont(UnicodeCIDFont(name))


class _NumberedCanvas(Canvas):
    """Pages are kept until the end, when their count is known, and get the notice, the case and the page number."""

    def __init__(self, content: Content, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._content = content
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self._frame(number)
            super().showPage()
        super().save()

    def _frame(self, number: int) -> None:
        top, bottom = A4[1] - 12 * mm, 10 * mm
        self.setFillColor(_INK)
        self.setFont(_BOLD, 8.5)
        self.drawString(_MARGIN, top, self._content.disclaimers[0])
        self.drawString(_MARGIN, bottom, self._content.disclaimers[0])
        self.setFillColor(_SOFT)
        self.setFont(_FONT, 8)
        case = self._content.words.label("case")
        self.drawRightString(A4[0] - _MARGIN, top, f"XAIReport, {case} {self._content.case_id}")
        self.drawRightString(A4[0] - _MARGIN, bottom, f"{number} / {len(self._pages)}")
        self.setStrokeColor(_LINE)
        self.line(_MARGIN, top - 2.5 * mm, A4[0] - _MARGIN, top - 2.5 * mm)


def _style(size: float, bold: bool = False, soft: bool = False, **options: Any) -> ParagraphStyle:
    font, colour = (_BOLD if bold else _FONT), (_SOFT if soft else _INK)
    options = {"leading": size * 1.4, "textColor": colour} | options
    return ParagraphStyle(f"{font}-{size}", fontName=font, fontSize=size, **options)


def _text(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(_markup(text), style)


def _markup(text: str) -> str:
    font = next((name for name, letters in _EAST_ASIAN_FONTS.items() if letters.search(text)), _FONT)
    return _EAST_ASIAN.sub(rf'<font name="{font}">\g<0></font>', escape(text))


def _story(content: Content) -> list[Flowable]:
    say = content.words.label
    story: list[Flowable] = []
    if content.banner:
        story.append(_notice(content.banner, "banner", 11))
    (label, value, covers), *facts = content.facts
    title = _text(content.words.with_value(label, value), _style(16, bold=True))
    story += [title, _text(" ".join([covers, *content.cautions]), _style(9, soft=True)), Spacer(0, 3 * mm)]
    if content.warnings:
        story.append(_notice(content.warnings, "warning", 9))
    if facts:
        story += [_facts(facts), Spacer(0, 4 * mm)]
    if content.lead:
        story.append(KeepTogether(_picture(content.lead)))
    story += [_section(name, statements) for name, statements in content.sections]
    story += _part(say("Pictures"), [_picture(picture) for picture in content.pictures])
    story += _part(say("Measurements"), [_table(table) for table in content.tables])
    story += _part(say("Model, registration and provenance"), [_table(table) for table in content.model_tables])
    story.append(_heading(say("What each sentence rests on")))
    rows = tuple((str(item.number), item.pointer, item.value) for item in content.evidence)
    note = "Each entry is a place in findings.json and what it holds."
    table = Table("", ("No.", "Place", "Value"), rows, frozenset({0}), note, frozenset({0, 1, 2}))
    return (
        story
        + _table(table.in_language(content.words), anchors=True)
        + [_text(sentence, _style(8, soft=True)) for sentence in content.disclaimers]
    )


def _part(title: str, blocks: list[list[Flowable]]) -> list[Flowable]:
    """A heading that never stands alone at the foot of a page, and blocks that stay together where they are not long."""
    if not blocks:
        return []
    first, *others = [[_heading(title), *blocks[0]], *blocks[1:]]
    return [flowable for block in (first, *others) for flowable in _kept(block)]


def _kept(block: list[Flowable]) -> list[Flowable]:
    """Together, or, with a long grid, from where there is room for its first rows."""
    if any(isinstance(piece, Grid) and len(piece._cellvalues) > _LONG for piece in block):
        return [CondPageBreak(_ROOM), *block]
    return [KeepTogether(block)]


def _heading(text: str) -> Flowable:
    return _text(text, _style(13, bold=True, spaceBefore=6 * mm, spaceAfter=2 * mm, keepWithNext=1))


def _references(statement: Statement) -> str:
    links = " ".join(f'<a href="#evidence-{n}" color="#0b5cad">{n}</a>' for n in statement.numbers)
    return f'{_markup(statement.text)} <font size="6.5"><super>{links}</super></font>'


def _notice(statements: tuple[Statement, ...], kind: str, size: float) -> Flowable:
    paper, line, ink = (colors.HexColor(code) for code in _NOTICES[kind])
    style = _style(size, bold=kind == "banner", textColor=ink)
    grid = Grid(
        [[Paragraph(_references(s), style)] for s in statements], colWidths=[_WIDTH], spaceAfter=4 * mm, splitInRow=1
    )
    look = [("BACKGROUND", (0, 0), (-1, -1), paper), ("LINEBEFORE", (0, 0), (0, -1), 3, line)]
    grid.setStyle(TableStyle([*look, ("LEFTPADDING", (0, 0), (-1, -1), 9)]))
    return grid


def _facts(facts: list[tuple[str, str, str]]) -> Flowable:
    cells = [
        [
            _text(label, _style(7.5, soft=True)),
            _text(value, _style(12, bold=True)),
            _text(covers, _style(7.5, soft=True)),
        ]
        for label, value, covers in facts
    ]
    grid = Grid([cells], colWidths=[_WIDTH / len(cells)] * len(cells))
    look = [("BACKGROUND", (0, 0), (-1, -1), colors.HexColor("#f4f6f8")), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    grid.setStyle(TableStyle([*look, ("LINEAFTER", (0, 0), (-2, -1), 4, colors.white)]))
    return grid


def _section(title: str, statements: tuple[Statement, ...]) -> Flowable:
    """A row for each sentence, so that a long section breaks over pages, and a sentence that is longer than a page, too."""
    rows = [["", Paragraph(_references(s), _style(9))] for s in statements]
    rows[0][0] = _text(title, _style(9, bold=True))
    grid = Grid(rows, colWidths=[30 * mm, _WIDTH - 30 * mm], spaceAfter=1.5 * mm, splitInRow=1)
    look = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEABOVE", (0, 0), (-1, 0), 0.5, _LINE)]
    look += [("TOPPADDING", (0, 1), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)]
    grid.setStyle(TableStyle([*look, ("LEFTPADDING", (0, 0), (0, -1), 0), ("RIGHTPADDING", (-1, 0), (-1, -1), 0)]))
    return grid


def _picture(picture: Picture) -> list[Flowable]:
    columns, rows = ImageReader(str(picture.path)).getSize()
    height = min(_WIDTH * rows / columns, 190 * mm)
    image = Image(str(picture.path), width=height * columns / rows, height=height)
    title = _text(picture.title, _style(9.5, bold=True, spaceAfter=1 * mm))
    caption = _text(picture.caption, _style(8, soft=True, spaceBefore=1 * mm, spaceAfter=5 * mm))
    return [title, image, caption]


def _table(table: Table, anchors: bool = False) -> list[Flowable]:
    """Title, grid and note; a long grid breaks over pages with its header on each."""
    size, widths = _fitting(table)
    head = {"bold": True, "soft": True, "embeddedHyphenation": 1}
    styles = [(_style(size, **head, **side), _style(size, **side)) for side in ({}, {"alignment": TA_RIGHT})]
    header = [_text(cell, styles[i in table.numeric][0]) for i, cell in enumerate(table.header)]
    rows: list[list[Flowable]] = []
    for row in table.rows:
        cells = [_text(_cell(table, row, i), styles[i in table.numeric][1]) for i in range(len(row))]
        if anchors:
            cells[0] = Paragraph(f'<a name="evidence-{row[0]}"/>{row[0]}', styles[True][1])
        rows.append(cells)
    grid = Grid([header, *rows], colWidths=widths, repeatRows=1)
    look = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), _PADDING),
        ("RIGHTPADDING", (0, 0), (-1, -1), _PADDING),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
    ]
    grid.setStyle(TableStyle([*look, ("TOPPADDING", (0, 0), (-1, -1), 1.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]))
    title = [_text(table.title, _style(9.5, bold=True, spaceAfter=1 * mm))] if table.title else []
    note = [_text(table.note, _style(7.5, soft=True, spaceBefore=1 * mm))] if table.note else []
    return [*title, grid, *note, Spacer(0, 5 * mm)]


def _cell(table: Table, row: tuple[str, ...], column: int) -> str:
    """A figure and its interval stand on one line."""
    return row[column].replace(" ", "\u00a0") if column in table.numeric else row[column]


def _fitting(table: Table) -> tuple[float, list[float]]:
    """The largest size of type at which no word is broken, and the widths of the columns; in the smallest, columns of text
    break what is left."""
    for size in _SIZES:
        least = _least_widths(table, size)
        if sum(least) <= _WIDTH:
            break
    else:
        text = sum(width for column, width in enumerate(least) if column not in table.numeric)
        share = max(1 - (sum(least) - _WIDTH) / text, 0.2) if text else 1
        least = [width if column in table.numeric else width * share for column, width in enumerate(least)]
        least = [width * min(1, _WIDTH / sum(least)) for width in least]
    return size, _column_widths(table, size, least)


def _least_widths(table: Table, size: float) -> list[float]:
    """Of each column its longest word, of figures the longest figure; what is longer than any word, such as a hash, may break."""
    least = []
    for column, title in enumerate(table.header):
        words = [(word, _BOLD) for word in _WORD.findall(title)]
        words += [(word, _FONT) for row in table.rows for word in _cell(table, row, column).split(" ")]
        longest = max(pdfmetrics.stringWidth(word, font, size) for word, font in words)
        least.append(min(longest + 2 * _PADDING + 1, _WIDTH * 0.45))
    return least


def _column_widths(table: Table, size: float, least: list[float]) -> list[float]:
    """By the length of each column's text, so that long names get the room that is left."""
    lines = [(table.header, _BOLD), *((row, _FONT) for row in table.rows)]
    wanted = [
        max(pdfmetrics.stringWidth(line[c], font, size) for line, font in lines) + 2 * _PADDING + 1
        for c in range(len(least))
    ]
    spare = max(_WIDTH - sum(least), 0)
    extra = [max(w - m, 0) for w, m in zip(wanted, least, strict=True)]
    share = min(1.0, spare / sum(extra)) if sum(extra) else 0
    widths = [m + share * e for m, e in zip(least, extra, strict=True)]
    widths[-1] += max(_WIDTH - sum(widths), 0)
    return widths
