"""The worker for scripts that start it many times: ``python scripts/tiny_worker.py MEMORY``.

The process, its pipes, every stage, file and scene are the real ones. What the network and the registration answer is kept in the
folder MEMORY the first time a case is analysed and read from there afterwards, so that a late stage is reached in seconds.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "XAIReport"))
SLOW = ("look", "_explain", "look_again")
SLICE_STEP = 24  # every 24th slice is looked at


def main(memory: Path) -> int:
    from XAIReportLib import anatomy, pipeline, views
    from XAIReportLib.__main__ import main as program

    views.SLICE_STEP = SLICE_STEP
    for name in SLOW:
        setattr(pipeline, name, _remembered(getattr(pipeline, name), memory / f"{name}.pickle"))
    anatomy.locate = _remembered(anatomy.locate, memory / "locate.pickle")
    return program(["worker"])


def _remembered(function: Any, path: Path) -> Any:
    def call(*arguments: Any, **options: Any) -> Any:
        if path.is_file():
            digest, kept = path.read_bytes()[:32], path.read_bytes()[32:]
            if hashlib.sha256(kept).digest() == digest:  # whole: the process may have been killed while it wrote
                return pickle.loads(kept)
        value = function(*arguments, **options)
        kept = pickle.dumps(value)
        path.write_bytes(hashlib.sha256(kept).digest() + kept)
        return value

    return call


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
