"""Sentences of the template as older versions wrote them: saved reports hold them, and they are as true of the same findings."""

from __future__ import annotations

from collections.abc import Iterator

from .. import measures
from ..passages import quoted
from ..places import called
from ..schema import Findings
from ..wording import joined


def sentences(findings: Findings) -> Iterator[str]:
    """For these findings: what is worded otherwise today."""
    about = " approximately" if findings.anatomy.registration.verdict == "limited" else ""
    for index, lesion in enumerate(findings.lesions):
        ways = [] if lesion.measures is None else lesion.measures.distances
        near = [measures.way_text(way) for way in ways if way.distance_mm <= measures.NAMED_WITHIN_MM]
        if near:
            yield f"{called(lesion)} is{about} adjacent to {joined(near)}; function was not assessed."
        for passage in measures.appearance(lesion, called(lesion), index):
            few = passage.text.replace("(less than a tenth)", "(hardly any)")
            yield from (
                few,
                *(text.replace("% of the abnormality is nearer", "% of it is nearer") for text in (few, passage.text)),
            )
    shift = findings.anatomy.midline_shift
    if shift is not None and shift.distance_mm is None:
        yield f"Midline shift: {quoted(shift.method)}"
        if measures.septum_hidden(shift.method):
            yield f"Midline shift: Not computed: {measures.SEPTUM_UNDER}."
