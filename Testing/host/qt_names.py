"""The module ``qt``: every class of QtCore, QtGui and QtWidgets in one place, as PythonQt has it in Slicer."""

from __future__ import annotations

import types
from typing import Any

# PythonQt gives Qt properties as attributes (``button.text = "x"``); PySide6 does so in the modules named here.
TRUE_PROPERTY = 0x02


def use_properties_in(module_name: str) -> None:
    """Give a module, before it is imported, PythonQt's property style."""
    from shibokensupport import feature

    feature.set_selection(TRUE_PROPERTY, module_name)


class QtNames(types.ModuleType):
    """Looks a name up in PySide6; names that Slicer's qt does not have either raise AttributeError."""

    # Gone in Qt 6 or only in PySide: code that uses them would fail in Slicer sooner or later.
    _REFUSED = frozenset({"QRegExp", "QTextCodec", "QDesktopWidget", "Signal", "Slot", "Property"})

    def __init__(self, loader: type) -> None:
        super().__init__("qt")
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        from PySide6 import QtCore, QtGui, QtWidgets

        if name == "QUiLoader":
            return self._loader
        if not name.startswith("_") and name not in self._REFUSED:
            for part in (QtCore, QtGui, QtWidgets):
                if hasattr(part, name):
                    return getattr(part, name)
        raise AttributeError(f"module 'qt' has no attribute '{name}'")
