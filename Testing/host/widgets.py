"""The widgets of CTK and Slicer that the module uses, drawn with plain Qt."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar

import shiboken6
from PySide6 import QtCore, QtUiTools, QtWidgets


class qMRMLWidget(QtWidgets.QWidget):
    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


class ctkCollapsibleButton(QtWidgets.QWidget):
    """A titled area; the title is a button that folds it."""

    HEADER = 26
    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._folded: list[QtWidgets.QWidget] = []
        self._button = QtWidgets.QPushButton(self)
        self._button.setCheckable(True)
        self._button.setChecked(True)
        self._button.toggled.connect(lambda open_: self._set_collapsed(not open_))
        self.setContentsMargins(0, self.HEADER, 0, 0)

    def resizeEvent(self, event: Any) -> None:
        self._button.setGeometry(0, 0, self.width(), self.HEADER)
        super().resizeEvent(event)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        if self._get_collapsed():
            self._set_collapsed(True)  # children that came after it was folded

    def _get_text(self) -> str:
        return self._button.text()

    def _set_text(self, text: str) -> None:
        self._button.setText(text)

    def _get_collapsed(self) -> bool:
        return not self._button.isChecked()

    def _set_collapsed(self, collapsed: bool) -> None:
        self._button.setChecked(not collapsed)
        children = self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly)
        if collapsed:
            # What is hidden for another reason stays so when the area is opened.
            self._folded += [child for child in children if child is not self._button and not child.isHidden()]
        for child in self._folded:
            child.setVisible(not collapsed)
        if not collapsed:
            self._folded = []
        self.contentsCollapsed.emit(collapsed)

    text = QtCore.Property(str, _get_text, _set_text)
    collapsed = QtCore.Property(bool, _get_collapsed, _set_collapsed)


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box, for a decimal value."""

    valueChanged = QtCore.Signal(float)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal, self)
        self._box = QtWidgets.QDoubleSpinBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self.setFocusProxy(self._slider)
        self._box.valueChanged.connect(self._on_box)
        self._slider.valueChanged.connect(lambda step: self._box.setValue(self._box.minimum() + step * self._step()))
        self._settle()

    def setValue(self, value: float) -> None:
        self._box.setValue(value)

    def _on_box(self, value: float) -> None:
        self._slider.blockSignals(True)
        self._slider.setValue(round((value - self._box.minimum()) / self._step()))
        self._slider.blockSignals(False)
        self.valueChanged.emit(value)

    def _step(self) -> float:
        return self._box.singleStep()

    def _settle(self) -> None:
        self._slider.blockSignals(True)
        self._slider.setRange(0, round((self._box.maximum() - self._box.minimum()) / self._step()))
        self._slider.blockSignals(False)
        self._on_box(self._box.value())

    def _changed(setter: str) -> Any:
        def set_(self: Any, value: Any) -> None:
            getattr(self._box, setter)(value)
            self._settle()

        return set_

    value = QtCore.Property(float, lambda self: self._box.value(), setValue)
    minimum = QtCore.Property(float, lambda self: self._box.minimum(), _changed("setMinimum"))
    maximum = QtCore.Property(float, lambda self: self._box.maximum(), _changed("setMaximum"))
    singleStep = QtCore.Property(float, lambda self: self._box.singleStep(), _changed("setSingleStep"))
    decimals = QtCore.Property(int, lambda self: self._box.decimals(), _changed("setDecimals"))
    suffix = QtCore.Property(str, lambda self: self._box.suffix(), _changed("setSuffix"))
    pageStep = QtCore.Property(float, lambda self: self._slider.pageStep() * self._step(), lambda *_: None)


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """Nodes of the scene that have one of ``nodeTypes``; follows the scene as nodes come and go.

    Like the original it tells of another choice only when its text is another, and when the chosen node goes it chooses the one
    that takes its place in the list.
    """

    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._tags: list[int] = []
        self._ids: list[str] = []
        self._node_types: list[str] = []
        self._attributes: list[tuple[str, str, str | None]] = []
        self._none_enabled = False
        self._combo = QtWidgets.QComboBox(self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        self._combo.currentTextChanged.connect(lambda _: self.currentNodeChanged.emit(self.currentNode()))

    def setMRMLScene(self, scene: Any) -> None:
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        me = weakref.ref(self)

        def refill(*_: Any) -> None:
            # The original's C++ destructor ends its observation. While the scene is closed it waits for the end.
            if me() is not None and shiboken6.isValid(me()) and not scene.IsClosing():
                me()._refill()

        events = () if scene is None else (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent)
        self._tags = [scene.AddObserver(event, refill) for event in events]
        self._refill()

    def mrmlScene(self) -> Any:
        return self._scene

    def currentNode(self) -> Any:
        index = self._combo.currentIndex()
        node_id = self._ids[index] if 0 <= index < len(self._ids) else ""
        return self._scene.GetNodeByID(node_id) if self._scene is not None and node_id else None

    def currentNodeID(self) -> str:
        node = self.currentNode()
        return node.GetID() if node is not None else ""

    def setCurrentNode(self, node: Any) -> None:
        self.setCurrentNodeID(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, node_id: str) -> None:
        if node_id not in self._ids:
            self._refill()  # the original looks at a node's attributes whenever they change
        self._combo.setCurrentIndex(
            self._ids.index(node_id) if node_id in self._ids else 0 if self._none_enabled else -1
        )

    def addAttribute(self, nodeType: str, attributeName: str, attributeValue: str | None = None) -> None:
        """Offer nodes of the type only with this attribute (of this value)."""
        self._attributes.append((nodeType, attributeName, attributeValue))
        self._refill()

    def _offers(self, node: Any) -> bool:
        wanted = [(n, v) for kind, n, v in self._attributes if node.IsA(kind)]
        told = [(node.GetAttribute(n), v) for n, v in wanted]
        return all(got is not None and (v is None or got == v) for got, v in told)

    def _refill(self) -> None:
        place, text = self._combo.currentIndex(), self._combo.currentText()
        before = self._ids[place] if 0 <= place < len(self._ids) else ""
        nodes = []
        for node_type in self._node_types if self._scene is not None else ():
            found = self._scene.GetNodesByClass(node_type)
            found.UnRegister(None)
            nodes += [found.GetItemAsObject(i) for i in range(found.GetNumberOfItems())]
        # showChildNodeTypes is false: exactly these classes; a hidden node is not offered.
        nodes = [n for n in nodes if n.GetClassName() in self._node_types and not n.GetHideFromEditors()]
        nodes = [n for n in nodes if self._offers(n)]
        self._combo.blockSignals(True)
        self._combo.clear()
        self._ids = [""] if self._none_enabled else []
        self._combo.addItems(["None"] if self._none_enabled else [])
        for node in nodes:
            self._ids.append(node.GetID())
            self._combo.addItem(node.GetName())
        place = self._ids.index(before) if before in self._ids else min(max(place, 0), len(self._ids) - 1)
        self._combo.setCurrentIndex(place)
        self._combo.blockSignals(False)
        if self._combo.currentText() != text:
            self.currentNodeChanged.emit(self.currentNode())

    def _set_node_types(self, types: list[str]) -> None:
        self._node_types = list(types)
        self._refill()

    def _set_none_enabled(self, enabled: bool) -> None:
        self._none_enabled = enabled
        self._refill()

    nodeTypes = QtCore.Property("QStringList", lambda self: self._node_types, _set_node_types)
    noneEnabled = QtCore.Property(bool, lambda self: self._none_enabled, _set_none_enabled)
    addEnabled = QtCore.Property(bool, lambda _: False, lambda *_: None)
    removeEnabled = QtCore.Property(bool, lambda _: False, lambda *_: None)
    showChildNodeTypes = QtCore.Property(bool, lambda _: False, lambda *_: None)


class UiLoader(QtUiTools.QUiLoader):
    """qt.QUiLoader, which in Slicer knows the widgets of CTK and Slicer; an unknown class is an error."""

    CLASSES: ClassVar = {
        cls.__name__: cls for cls in (qMRMLWidget, ctkCollapsibleButton, ctkSliderWidget, qMRMLNodeComboBox)
    }

    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> Any:
        if class_name in self.CLASSES:
            widget = self.CLASSES[class_name](parent)
            widget.setObjectName(name)
            return widget
        if class_name not in self.availableWidgets():
            raise RuntimeError(f"No widget class {class_name}")
        return super().createWidget(class_name, parent, name)
