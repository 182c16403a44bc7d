"""A stand-in for the Slicer application: real Qt (PySide6) and real MRML (slicer-core) under Slicer's own names.

Names, signatures, signals and errors are the originals'; a name that the original lacks is an AttributeError here too.
``install`` puts the modules qt, ctk and slicer.* into ``sys.modules`` and takes them away again.
"""

from .application import Host, install

__all__ = ["Host", "install"]
