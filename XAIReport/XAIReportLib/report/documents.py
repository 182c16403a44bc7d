"""The documents of a result folder: findings, narrative, table of regions, and the report as HTML, PDF and text."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from XAIReportLib.files import put_whole

from .content import Content, content_of
from .narrative import Narrative
from .schema import Findings
from .tables import Table

_TEMPLATES = Path(__file__).parent / "templates"
_TEXT_WIDTH = 100
_REGION_COLUMNS = (
    "mask",
    "region",
    "lobe",
    "side",
    "overlap_ml",
    "percent_of_mask",
    "percent_of_region",
    "mean_probability_0_to_1",
    "nearest_region",
    "nearest_mm",
    "code_scheme",
    "code_value",
    "percent_low",
    "percent_high",
)


def write(
    folder: Path, findings: Findings, narrative: Narrative, figures: Sequence[Path], run: Mapping[str, Any]
) -> None:
    """Write findings.json, narrative.json, regions.csv, report.html, report.txt and report.pdf into ``folder``.

    Args:
        figures: PNG files; the reports hold copies of them.
        run: the content of run.json; only entries without places and names are shown.

    Raises:
        ValueError: the narrative was not written from these findings.
    """
    from .pdf import report_pdf

    if narrative.findings_sha256 != findings.sha256():
        raise ValueError(f"The narrative of case {findings.case_id} was written from other findings; write it again.")
    content = content_of(findings, narrative, figures, run)
    text = findings.to_json()  # of this version, whichever they were read in
    narrative = narrative.model_copy(update={"findings_sha256": hashlib.sha256(text.encode()).hexdigest()})
    _put(folder / "findings.json", text)
    _put(folder / "narrative.json", narrative.to_json())
    _put(folder / "regions.csv", regions_csv(findings))
    _put(folder / "report.html", report_html(content))
    _put(folder / "report.txt", report_text(content))
    _put(folder / "report.pdf", report_pdf(content))


def _put(path: Path, data: str | bytes) -> None:
    put_whole(path, data.encode() if isinstance(data, str) else data)


def regions_csv(findings: Findings) -> str:
    """One row for each mask and atlas region, "other" rows included; empty cells where nothing is known."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_REGION_COLUMNS)
    shares = [
        (lesion.name, region, region.percent_of_lesion) for lesion in findings.lesions for region in lesion.regions
    ]
    shares += [
        (name, region, region.percent_of_mask)
        for name, saliency in zip(findings.map_names, findings.saliency, strict=True)
        for region in saliency.regions
    ]
    for mask, r, share in shares:
        code = (r.codes[0].scheme, r.codes[0].value) if r.codes else ("", "")
        place = (mask, r.name, r.lobe, r.side, r.overlap_ml, share, r.percent_of_region, r.mean_probability)
        rows.writerow([*place, r.nearest, r.nearest_mm, *code, r.percent_low, r.percent_high])
    return text.getvalue()


def report_html(content: Content) -> str:
    """One file that opens anywhere: pictures inside, no script, nothing fetched."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"data_uri": _data_uri, "say": content.words.label}
    return environment.get_template("report.html").render(content=content)


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def report_text(content: Content) -> str:
    """The same sentences and tables for a terminal or an e-mail; pictures are named by their files."""
    return "\n".join(line.rstrip() for line in _text_lines(content)) + "\n"


def _text_lines(content: Content) -> Iterator[str]:
    say = content.words.label
    yield f"XAIReport, {say('case')} {content.case_id}"
    yield content.disclaimers[0]
    for statement in (*content.banner, *content.warnings):
        yield from _wrapped(f"!! {statement.text}")
    yield ""
    (label, suggestion, covers), *facts = content.facts
    yield f"{content.words.with_value(label, suggestion)}. {covers}"
    for sentence in content.cautions:
        yield from _wrapped(sentence)
    for name, value, covers in facts:
        yield f"{content.words.with_value(name, value)} ({covers})"
    for title, statements in content.sections:
        yield from _headed(title)
        for statement in statements:
            yield from _wrapped(f"{statement.text} [{', '.join(str(n) for n in statement.numbers)}]")
    for table in (*content.tables, *content.model_tables):
        yield from _headed(table.title)
        yield from _columns(table)
        yield from _wrapped(table.note) if table.note else ()
    pictures = [picture for picture in (content.lead, *content.pictures) if picture is not None]
    if pictures:
        yield from _headed(say("Pictures"))
        for picture in pictures:
            yield from _wrapped(f"figures/{picture.path.name}: {picture.title}. {picture.caption}")
    yield from _headed(say("What each sentence rests on (findings.json)"))
    for item in content.evidence:
        yield from _wrapped(f"[{item.number}] {item.pointer} = {item.value}")


def _headed(title: str) -> Iterator[str]:
    yield from ("", title, "-" * len(title))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _TEXT_WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _columns(table: Table) -> Iterator[str]:
    lines = [table.header, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.header))]
    for line in lines:
        cells = zip(line, widths, strict=True)
        yield "  ".join(f"{c:>{w}}" if i in table.numeric else f"{c:<{w}}" for i, (c, w) in enumerate(cells))
