"""The module ``slicer.parameterNodeWrapper``: typed parameters kept in a node of the scene, bound to widgets.

Knows the parameter types that the module uses (bool, str, float, list of str, Choice, WithinRange, MRML node) and refuses others,
like the original; refuses a widget that cannot hold a parameter's type, and refuses a .ui file that names an unknown parameter.
Like the original it gives a value as it was when the node was last modified, and ``connectGui`` gives no tag.
"""

from __future__ import annotations

import typing
import weakref
from collections.abc import Callable, MutableSequence
from typing import Any

from PySide6 import QtCore, QtWidgets

from .widgets import ctkSliderWidget, qMRMLNodeComboBox


class Choice:
    def __init__(self, choices: list[Any]) -> None:
        self.choices = list(choices)

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, got {value!r}")


class WithinRange:
    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within [{self.minimum}, {self.maximum}], is {value}")


class _Parameter:
    """One typed value, kept as text in the node (a node as a reference)."""

    def __init__(self, name: str, annotated: Any, default: Any) -> None:
        self.name = name
        self.kind, *notes = (
            typing.get_args(annotated) if typing.get_origin(annotated) is typing.Annotated else (annotated,)
        )
        self.choice = next((note for note in notes if isinstance(note, Choice)), None)
        self.range = next((note for note in notes if isinstance(note, WithinRange)), None)
        self.is_list = self.kind == list[str]
        self.is_node = hasattr(self.kind, "GetNodeTagName") or self.kind.__name__.startswith("vtkMRML")
        self.default = [] if self.is_list and default is None else default
        if not self.is_node and not self.is_list and self.kind not in (bool, str, float):
            raise Exception(f"Unable to create serializer for member {name}")

    def read(self, node: Any) -> Any:
        if not self.is_in(node):  # after Close Scene, which empties the node
            self.write(node, self.default)
        if self.is_node:
            return node.GetNodeReference(self.name)
        if self.is_list:
            return ObservedList(self, node)
        text = node.GetParameter(self.name)
        if self.kind is float:
            return float(text)
        return text == "True" if self.kind is bool else text

    def write(self, node: Any, value: Any) -> None:
        if self.is_node:
            if value is not None and not isinstance(value, self.kind):
                raise TypeError(f"{self.name} must be a {self.kind.__name__}")
            node.SetParameter(self.name, "")  # None is a value, too
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if self.is_list:
            self._write_list(node, value)
            return
        if not isinstance(value, (float, int) if self.kind is float else self.kind):
            raise TypeError(f"{self.name} must be a {self.kind.__name__}, got {value!r}")
        for rule in filter(None, (self.choice, self.range)):
            rule.validate(value)
        node.SetParameter(self.name, str(value))

    def _write_list(self, node: Any, values: Any) -> None:
        if not all(isinstance(value, str) for value in values):
            raise TypeError(f"{self.name} must hold texts, got {values!r}")
        changing = node.StartModify()
        for index, value in enumerate(values):
            node.SetParameter(f"{self.name}_{index}", value)
        before = int(node.GetParameter(f"{self.name}_len") or 0)
        node.SetParameter(f"{self.name}_len", str(len(values)))
        for index in range(len(values), before):
            node.UnsetParameter(f"{self.name}_{index}")
        node.EndModify(changing)

    def is_in(self, node: Any) -> bool:
        return bool(node.HasParameter(f"{self.name}_len" if self.is_list else self.name))


class ObservedList(MutableSequence):
    """What a parameter of a list gives: no ``list``, and a change of it is a change of the node."""

    def __init__(self, parameter: _Parameter, node: Any) -> None:
        self._parameter, self._node = parameter, node
        name = parameter.name
        self._list = [node.GetParameter(f"{name}_{n}") for n in range(int(node.GetParameter(f"{name}_len")))]

    def __eq__(self, other: object) -> bool:
        return self._list == (other._list if isinstance(other, ObservedList) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ObservedList({self._list})"

    def __len__(self) -> int:
        return len(self._list)

    def __getitem__(self, index: Any) -> Any:
        return self._list[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._list[index] = value
        self._parameter.write(self._node, self._list)

    def __delitem__(self, index: Any) -> None:
        del self._list[index]
        self._parameter.write(self._node, self._list)

    def __add__(self, other: Any) -> Any:
        raise NotImplementedError("Adding an ObservedList is not supported. However, += is supported.")

    def insert(self, index: int, value: str) -> None:
        self._list.insert(index, value)
        self._parameter.write(self._node, self._list)


class _Binding:
    """How a widget holds a parameter's value."""

    def __init__(self, widget: Any, parameter: _Parameter) -> None:
        self.widget, self.parameter = widget, parameter
        self._slot: Callable[..., None] | None = None
        if type(widget) is QtWidgets.QCheckBox and parameter.kind is bool:
            self._signal, self.read, self.write = widget.toggled, widget.isChecked, widget.setChecked
        elif type(widget) is QtWidgets.QComboBox and parameter.choice:
            choices = parameter.choice.choices
            widget.clear()
            widget.addItems([str(choice) for choice in choices])
            self._signal = widget.currentIndexChanged
            self.read = lambda: choices[widget.currentIndex()]
            self.write = lambda value: widget.setCurrentIndex(choices.index(value))
        elif type(widget) is QtWidgets.QLineEdit and parameter.kind is str:
            self._signal, self.read, self.write = widget.textChanged, widget.text, widget.setText
        elif isinstance(widget, ctkSliderWidget) and parameter.kind is float:
            if parameter.range:
                widget.minimum, widget.maximum = parameter.range.minimum, parameter.range.maximum
            self._signal, self.read, self.write = widget.valueChanged, lambda: widget.value, widget.setValue
        elif isinstance(widget, qMRMLNodeComboBox) and parameter.is_node:
            self._signal, self.read, self.write = widget.currentNodeChanged, widget.currentNode, widget.setCurrentNode
        else:
            raise RuntimeError(f"Unable to create GUI connector from '{parameter.kind}' to '{type(widget)}'")

    def connect(self, callback: Callable[[], None]) -> None:
        self._slot = lambda *_: callback()
        self._signal.connect(self._slot)

    def disconnect(self) -> None:
        self._signal.disconnect(self._slot)


def parameterNodeWrapper(cls: type) -> type:
    """Class decorator, as slicer.parameterNodeWrapper.parameterNodeWrapper."""
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = {name: _Parameter(name, hint, getattr(cls, name, None)) for name, hint in hints.items()}
    for name, parameter in parameters.items():
        setattr(cls, name, _property(parameter))
    cls.allParameters = parameters
    cls.__init__ = _init
    for method in (connectGui, connectParametersToGui, disconnectGui, AddObserver, RemoveObserver, Modified):
        setattr(cls, method.__name__, method)
    return cls


class _Value:
    """A parameter's value in one node, read again only when the node is modified."""

    def __init__(self, parameter: _Parameter, node: Any) -> None:
        self._parameter, self._node, self._writing = parameter, node, False
        self._value = parameter.read(node)
        me = weakref.ref(self)
        node.AddObserver("ModifiedEvent", lambda *_: me() and me()._refresh())

    def _refresh(self) -> None:
        if not self._writing:
            self._value = self._parameter.read(self._node)

    def read(self) -> Any:
        return self._value

    def write(self, value: Any) -> None:
        self._writing = True
        changing = self._node.StartModify()
        try:
            self._parameter.write(self._node, value)
            self._value = self._parameter.read(self._node)
        finally:
            self._node.EndModify(changing)
            self._writing = False


def _property(parameter: _Parameter) -> property:
    return property(
        lambda self: self._values[parameter.name].read(), lambda self, value: self._values[parameter.name].write(value)
    )


def _init(self: Any, parameterNode: Any) -> None:
    self.parameterNode = parameterNode
    self._guis: dict[int, tuple[list[_Binding], int]] = {}
    self._tags = 0
    self._updating = False
    self._values = {name: _Value(parameter, parameterNode) for name, parameter in self.allParameters.items()}


def connectGui(self: Any, gui: Any) -> None:
    """Gives no tag, as the original of Slicer 5.8 and 5.10, and so what it connects is never disconnected."""
    names = ((QtCore.QObject.property(widget, "SlicerParameterName"), widget) for widget in vars(gui).values())
    self.connectParametersToGui({name: widget for name, widget in names if name})


def connectParametersToGui(self: Any, mapping: dict[str, Any]) -> int:
    for name in mapping:
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}")
    bindings = [_Binding(widget, self.allParameters[name]) for name, widget in mapping.items()]

    def show(*_: Any) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for binding in bindings:
                binding.write(self._values[binding.parameter.name].read())
        finally:
            self._updating = False

    for binding in bindings:
        value = self._values[binding.parameter.name]
        binding.write(value.read())
        binding.connect(lambda b=binding, v=value: None if self._updating else v.write(b.read()))
    tag, self._tags = self._tags, self._tags + 1
    self._guis[tag] = (bindings, self.AddObserver("ModifiedEvent", show))
    return tag


def disconnectGui(self: Any, guiTag: int) -> None:
    """Nothing happens with a tag that is none."""
    bindings, observer = self._guis.pop(guiTag, ((), None))
    if observer is not None:
        self.RemoveObserver(observer)
    for binding in bindings:
        binding.disconnect()


def AddObserver(self: Any, event: Any, callback: Any, priority: float = 0.0) -> int:
    return self.parameterNode.AddObserver(event, callback, priority)


def RemoveObserver(self: Any, tag: int) -> None:
    self.parameterNode.RemoveObserver(tag)


def Modified(self: Any) -> None:
    self.parameterNode.Modified()
