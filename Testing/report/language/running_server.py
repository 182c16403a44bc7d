"""The scripted server in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from XAIReportLib.report.servers import Limits, Server, server

QUICK = Limits(connect_s=2, silence_s=4, total_s=20, tries=3, pause_s=0.01)


@dataclass
class Scripted:
    """The server in its own process, and what it was sent."""

    process: subprocess.Popen
    port: int
    log: Path

    def url(self, fault: str) -> str:
        return f"http://127.0.0.1:{self.port}/{fault}/v1"

    def at(self, fault: str, interface: str = "chat", pictures: tuple[str, ...] = (), **limits: float) -> Server:
        return server("openai", self.url(fault), "m", (), interface, pictures, replace(QUICK, **limits))

    def all_sent(self, fault: str) -> list[dict]:
        if not self.log.exists():
            return []
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if line["fault"] == fault]

    def sent(self, fault: str) -> dict:
        return self.all_sent(fault)[-1]


@contextmanager
def running(folder: Path, *certificate: Path) -> Iterator[Scripted]:
    """The server for the time of the block; it writes what it is sent into ``folder``, and speaks TLS with a certificate and its
    key."""
    script, log = Path(__file__).with_name("scripted_server.py"), folder / "log.jsonl"
    process = subprocess.Popen(
        [sys.executable, str(script), str(log), *map(str, certificate)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield Scripted(process, int(process.stdout.readline()), log)
    finally:
        process.kill()
        process.wait()
