"""The files of this folder import each other, and those of the report's tests and of the English check, by name."""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent), str(_HERE.parent / "grounding")]
