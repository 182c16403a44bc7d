"""The MRML scene of a result folder: live in Slicer, or as ``scene.mrb`` through slicer-core.

``session`` is the only maker of a headless scene and its logics, ``contents`` reads the folder, ``nodes``, ``colors``,
``segments`` and ``tables`` make MRML nodes of it, ``load`` puts them under one subject hierarchy folder, ``archive``
writes ``scene.mrb`` and compares it, re-opened, with what was written (``snapshot``).
"""

from .archive import SceneIncomplete, write_mrb
from .cases import LoadedResult
from .load import load_result
from .session import SceneUnavailable

__all__ = ["LoadedResult", "SceneIncomplete", "SceneUnavailable", "load_result", "write_mrb"]
