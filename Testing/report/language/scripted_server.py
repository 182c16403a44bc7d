"""A server with both interfaces (chat/completions and responses) that does what the first part of its path says.

Prints its port; logs what it was sent into the file that is its first argument. With a certificate and its key as further
arguments it speaks TLS.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import sys
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GOOD = {
    "sentences": [
        {
            "text": "The model suggests glioma with a score of 0.89.",
            "section": "impression",
            "evidence": ["/prediction/label"],
        },
        {
            "text": "The lesion lies on the left and measures 4.45 ml.",
            "section": "findings",
            "evidence": ["/lesions/0/side", "#/lesions/0/volume_ml"],
        },
    ]
}
WRONG = {
    "sentences": [
        {
            "text": "The model suggests glioma. It is a malignant tumour.",
            "section": "impression",
            "evidence": ["/prediction"],
        },
        {"text": "The lesion lies on the right.", "section": "findings", "evidence": ["/lesions/0/side"]},
        {"text": "The lesion measures 4.45 ml.", "section": "findings", "evidence": ["/lesions/0/volume_ml"]},
        {"text": "The plane agreement is 1.00.", "section": "confidence", "evidence": ["/prediction/uncertainty"]},
    ]
}
UNCITED = {
    "sentences": [
        {"text": "The model suggests glioma.", "section": "impression", "evidence": ["/prediction/label"]},
        {"text": "The lesion measures 4.45 ml.", "section": "findings", "evidence": ["/lesions/7/volume_ml"]},
        {"text": "The lesion lies on the left.", "section": "findings", "evidence": []},
        {"text": "The plane agreement is 1.00.", "section": "confidence", "evidence": [""]},
        {"text": "The model suggests glioma with a score of 0.89.", "section": "impression", "evidence": ["/case_id"]},
    ]
}
LONE = {  # half of a character, which JSON can hold and a file cannot
    "sentences": [
        *GOOD["sentences"],
        {"text": "The lesion \ud83d is large.", "section": "findings", "evidence": ["/lesions/\ud83d"]},
    ]
}
THOUGHT = "<think>A draft: " + json.dumps(WRONG) + " No, better:</think>\n"
LOOSE = {  # what a model writes that was shown the schema in words only
    "sentences": [
        {**GOOD["sentences"][0], "section": "Impression", "evidence": "/prediction/label"},
        {**GOOD["sentences"][1], "section": " FINDINGS "},
    ]
}
NONSENSE = {"sentences": [{"text": "bilateral -1 ml of glioma", "section": "findings", "evidence": ["x"]}]}
ANSWERS_OF_A_PIECE = (
    "silence", "elsewhere", "maze", "reset", "bomb", "page", "deep", "deepstream", "whole", "torn", "cut", "unended",
    "lingering", "continue", "trickle", "parts",
)  # fmt: skip
calls: Counter[str] = Counter()


RAMBLE = {
    "text": "The lesion lies on the left and it is on the left.",
    "section": "findings",
    "evidence": ["/lesions/0/side"],
}


def _escaped(text: str) -> str:
    """As JSON may write it: each letter by its number."""
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.path.split("/")[1]
        calls[fault] += 1
        with Path(sys.argv[1]).open("a", encoding="utf-8") as log:
            sent = {"fault": fault, "path": self.path, "body": body, "headers": dict(self.headers)}
            log.write(json.dumps(sent) + "\n")
        self.as_responses = self.path.endswith("/responses")
        form = body.get("text", {}).get("format", {}) if self.as_responses else body.get("response_format", {})
        refusal = self._refusal(fault, form.get("type"))
        if refusal is not None:
            pause = {"busy": "0", "later": "3600", "superscript": "²"}.get(fault)
            self._send(refusal, b"{}", {"Retry-After": pause} if pause else {})
        elif fault in ANSWERS_OF_A_PIECE:
            getattr(self, f"_{fault}")(body)
        else:
            key = self.headers.get("Authorization", "")
            streams = {
                "large": {"text": "a" * 1000, "times": 10_000},
                "half": {"text": json.dumps(GOOD)[:60], "end": False},
                "stall": {"text": json.dumps(GOOD), "pause_s": 30, "pause_after": json.dumps(GOOD).index("}")},
                "text": {"text": "I am a language model and happy to help."},
                "form": {"text": json.dumps({"report": "The lesion lies on the left."})},
                "wrong": {"text": json.dumps(WRONG)},
                "uncited": {"text": json.dumps(UNCITED)},
                "nonsense": {"text": json.dumps(NONSENSE)},
                "lone": {"text": json.dumps(LONE, ensure_ascii=False)},
                "escaped": {"text": json.dumps(LONE)},
                "lines": {"text": json.dumps(GOOD, ensure_ascii=False).replace("on the left", "on the\u2028left")},
                "fenced": {"text": f"Here is {{the}} report:\n```json\n{json.dumps(GOOD)}\n```\nI hope it helps."},
                "thinking": {"text": THOUGHT + json.dumps(GOOD)},
                "thought": {"text": THOUGHT.removeprefix("<think>") + json.dumps(GOOD)},
                "loose": {"text": json.dumps(LOOSE)},
                "deaf": {"text": json.dumps(GOOD) if form.get("type") == "json_object" else "As you wish: the lesion."},
                "swapped": {"text": json.dumps(GOOD), "model": "another"},
                "echo": {"text": json.dumps(GOOD).replace("glioma", key), "model": key},
                "disguise": {"text": json.dumps(GOOD).replace("glioma", _escaped(key)), "model": "m" * 110 + key},
                "ramble": {"text": json.dumps({"sentences": [RAMBLE] * 400})},
            }
            self._stream(**{"text": json.dumps(GOOD), "model": body["model"], **streams.get(fault, {})})

    def _silence(self, _: dict) -> None:
        time.sleep(30)

    def _elsewhere(self, _: dict) -> None:
        port = self.server.server_address[1]
        self._send(307, b"", {"Location": f"http://localhost:{port}/trap/v1/chat/completions"})

    def _maze(self, _: dict) -> None:
        self.send_response(307)
        self.send_header("Location", "/trap/v1/chat/completions")
        self.send_header("Transfer-Encoding", "chunked")
        self._forever(b"\r\n1000\r\n" + b"a" * 4096)

    def _continue(self, _: dict) -> None:
        self._forever(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _trickle(self, _: dict) -> None:
        self.send_response(200)
        self._forever(b"a", 0.05)

    def _forever(self, part: bytes, pause_s: float = 0) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.flush_headers()
            while True:
                self.wfile.write(part)
                time.sleep(pause_s)

    def _reset(self, _: dict) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _bomb(self, _: dict) -> None:
        self._send(200, gzip.compress(b"a" * 50_000_000), {"Content-Encoding": "gzip"})

    def _page(self, _: dict) -> None:
        self._send(200, b"<html>login</html>", {"Content-Type": "text/html"})

    def _deep(self, _: dict) -> None:
        self._send(200, b"[" * 200_000, {"Content-Type": "application/json"})

    def _deepstream(self, _: dict) -> None:
        self._send(200, b"data: " + b"[" * 200_000 + b"\n\n", {"Content-Type": "text/event-stream"})

    def _whole(self, body: dict) -> None:
        self._send(200, self._document(body), {"Content-Type": "application/json"})

    def _parts(self, body: dict) -> None:
        """Content as a list of parts, as Mistral sends what its models thought and said."""
        text = json.dumps(GOOD)
        parts = [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": text[:60]},
            {"type": "text", "text": text[60:]},
        ]
        message = {"message": {"content": parts}, "finish_reason": "stop"}
        answer = {"model": body["model"], "choices": [message], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _torn(self, body: dict) -> None:
        self._chunks("application/json", self._document(body))

    def _document(self, body: dict) -> bytes:
        message = {"message": {"content": json.dumps(GOOD)}, "finish_reason": "stop"}
        answer = {"model": body["model"], "choices": [message], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
        return json.dumps(answer).encode()

    def _unended(self, _: dict) -> None:
        text = json.dumps(GOOD)
        events: list[dict] = [{"choices": [{"delta": {"content": text}}]}, {"choices": [{"finish_reason": "stop"}]}]
        if self.as_responses:
            completed = {"type": "response.completed", "response": {"output": []}}
            events = [{"type": "response.output_text.delta", "delta": text}, completed]
        self._chunks("text/event-stream", *(f"data: {json.dumps(event)}\n\n".encode() for event in events))

    def _lingering(self, body: dict) -> None:
        self._unended(body)
        time.sleep(30)

    def _chunks(self, kind: str, *chunks: bytes) -> None:
        """All but the last chunk, which is empty."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.close_connection = True

    def _cut(self, body: dict) -> None:
        message = {"message": {"content": json.dumps(GOOD)[:200]}, "finish_reason": "length"}
        answer = {"model": body["model"], "choices": [message]}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _refusal(self, fault: str, kind: str | None) -> int | None:
        refused = {
            "full": 429,
            "later": 429,
            "superscript": 429,
            "broken": 503,
            "ailing": 500,
            "absent": 404,
            "locked": 401,
        }
        if fault == "busy" and calls[fault] < 3:
            return 429
        if fault == "old" and kind == "json_schema":
            return 500
        if fault == "older" and kind:
            return 400
        return refused.get(fault)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(
        self, text: str, times: int = 1, end: bool = True, model: str = "m", pause_s: float = 0, pause_after: int = 0
    ) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        size = max(20, len(text) // 5)
        for _ in range(times):
            for start in range(0, len(text), size):
                part = text[start : start + size]
                chat = {"model": model, "choices": [{"delta": {"content": part}}]}
                self._event({"type": "response.output_text.delta", "delta": part} if self.as_responses else chat)
                if start + size > pause_after:
                    time.sleep(pause_s)
        if end and self.as_responses:
            output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
            usage = {"input_tokens": 40, "output_tokens": 2}
            self._event({"type": "response.completed", "response": {"model": model, "output": output, "usage": usage}})
        elif end:
            self._event({"choices": [], "usage": {"prompt_tokens": 40, "completion_tokens": 2}})
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _event(self, event: dict) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[2:4])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
