"""Pictures of a case for a language model that reads them: figures of the report, made small, with nothing but their pixels.

They go out only to a host that was named for pictures too. The figures are drawn here from arrays, so that no name is in them; a
case that is a picture itself may have one written into its pixels, and is never sent.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

from XAIReportLib.case import InputError

from .schema import Findings

FIGURES = ("lesion.png", "methods.png")
WIDEST = 768  # pixels


def pictures(folder: Path, findings: Findings) -> tuple[str, ...]:
    """Data URLs of PNG files.

    Raises:
        InputError: this case has no picture that may be sent.
    """
    if not findings.image.has_geometry:
        raise InputError(
            "No picture of this case is sent: it was read from a picture, which may have a name written into it. "
            "Ask without --allow-pictures."
        )
    paths = [path for path in (folder / "figures" / name for name in FIGURES) if path.is_file()]
    if not paths:
        raise InputError(f"{folder.name} holds no figures to send; ask without --allow-pictures.")
    return tuple(_data_url(path) for path in paths)


def _data_url(path: Path) -> str:
    from PIL import Image

    with Image.open(path) as figure:
        pixels = figure.convert("RGB")
    pixels.thumbnail((WIDEST, WIDEST))
    bare = Image.frombytes("RGB", pixels.size, pixels.tobytes())  # without what a PNG file may say beside its pixels
    file = io.BytesIO()
    bare.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
