"""The worker's messages: one JSON object per line, ASCII, so that no encoding and no line break can spoil them.

Client to child:  {"protocol": 1, "id": "3", "type": "analyze", "params": {...}, "heartbeat_s": 5.0}
                  {"protocol": 1, "id": "3", "type": "cancel"}
Child to client:  {"protocol": 1, "id": "3", "type": "progress", "data": {...}}

The child says "ready" (id "") once, and "beat" (id "") while it is busy and alive.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

PROTOCOL = 1
# After one of these nothing more is said about a request.
LAST_TYPES = ("result", "error", "cancelled", "died")
CANCEL, BEAT = "cancel", "beat"
# Of every message; "id" and "data" may be left out.
_FIELDS: dict[str, Any] = {"protocol": int | float | str, "id": int | str, "type": str, "data": dict}


class ProtocolError(ValueError):
    """A line that is no message of this protocol."""


@dataclass(frozen=True)
class Event:
    """What the worker has to say.

    Attributes:
        id: of the request; empty when it concerns the worker itself.
        type: ready, progress, log, result, error, cancelled or died.
        data: progress: stage, fraction (0 to 1), message; of "narrate" and "ask" also sentence: a checked one as in
            narrative.json, or null when those heard so far are void. log: text. result: what the request's handler returned
            (analyze: folder). error: message (a sentence for a person), details, kind ("input", "internal"). cancelled:
            worker_stopped. died: message, details (the worker's last words), returncode.
    """

    id: str
    type: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def is_last(self) -> bool:
        return self.type in LAST_TYPES


def encode(message: dict[str, Any]) -> bytes:
    """One line for the pipe. Raises TypeError when something in it is no JSON."""
    return json.dumps({"protocol": PROTOCOL, **message}, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message of one line. Raises ProtocolError with the reason; the version is the receiver's to judge."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"no JSON: {line[:80]!r}") from error
    message = {"id": "", "data": {}, **message} if isinstance(message, dict) else {}
    if not all(isinstance(message.get(name), kind) for name, kind in _FIELDS.items()):
        raise ProtocolError(f"no message: {line[:80]!r}")
    message["id"] = str(message["id"])
    return message
