"""A server with the chat interface that does what the first part of its path says. Prints its port; logs what it was sent."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
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
            "evidence": ["/lesions/0/side", "/nowhere"],
        },
    ]
}
WRONG = {
    "sentences": [
        {"text": "The model suggests glioma. It is a malignant tumour.", "section": "impression", "evidence": []},
        {"text": "The lesion lies on the right.", "section": "findings", "evidence": []},
        {"text": "The lesion measures 4.45 ml.", "section": "findings", "evidence": []},
        {"text": "The plane agreement is 1.00.", "section": "confidence", "evidence": []},
    ]
}
NONSENSE = {"sentences": [{"text": "bilateral -1 ml of glioma", "section": "findings", "evidence": ["x"]}]}
calls: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.path.split("/")[1]
        calls[fault] += 1
        with Path(sys.argv[1]).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"fault": fault, "body": body, "headers": dict(self.headers)}) + "\n")
        kind = body.get("response_format", {}).get("type")
        if fault == "silence":
            time.sleep(30)
        elif (status := self._refusal(fault, kind)) is not None:
            self._send(status, b"{}", {"Retry-After": "0"} if fault == "busy" else {})
        elif fault == "elsewhere":
            self._send(302, b"", {"Location": "http://example.org/"})
        elif fault == "page":
            self._send(200, b"<html>login</html>", {"Content-Type": "text/html"})
        elif fault == "whole":
            message = {"message": {"content": json.dumps(GOOD)}, "finish_reason": "stop"}
            answer = {"model": body["model"], "choices": [message], "usage": {"total_tokens": 7}}
            self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        else:
            streams = {
                "large": {"text": "a" * 1000, "times": 10_000},
                "half": {"text": json.dumps(GOOD)[:60], "end": False},
                "text": {"text": "I am a language model and happy to help."},
                "wrong": {"text": json.dumps(WRONG)},
                "nonsense": {"text": json.dumps(NONSENSE)},
                "swapped": {"text": json.dumps(GOOD), "model": "another"},
            }
            self._stream(**{"text": json.dumps(GOOD), "model": body["model"], **streams.get(fault, {})})

    def _refusal(self, fault: str, kind: str | None) -> int | None:
        refused = {"full": 429, "broken": 503, "absent": 404, "locked": 401}
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

    def _stream(self, text: str, times: int = 1, end: bool = True, model: str = "m") -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        size = max(20, len(text) // 5)
        for _ in range(times):
            for start in range(0, len(text), size):
                event = {"model": model, "choices": [{"delta": {"content": text[start : start + size]}}]}
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        if end:
            self.wfile.write(b'data: {"choices": [], "usage": {"total_tokens": 42}}\n\ndata: [DONE]\n\n')
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
