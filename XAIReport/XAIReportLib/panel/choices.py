"""What the choices of a parameter are called in their combo box, which Slicer's connector fills with the stored values."""

from __future__ import annotations

from typing import Any


def nameChoices(selector: Any, names: dict[str, str]) -> None:
    """Call each choice by its name, after every connection of the parameter node.

    :param names: by stored value; what is not named is shown as it is stored.
    """
    for index in range(selector.count):
        selector.setItemText(index, names.get(selector.itemText(index), selector.itemText(index)))
