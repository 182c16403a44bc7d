"""Findings of the grounding tests serve here too; the scripted server in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from XAIReportLib.report.servers import Limits, Server, server

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "grounding")]

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


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    script = Path(__file__).with_name("scripted_server.py")
    log = tmp_path_factory.mktemp("server") / "log.jsonl"
    process = subprocess.Popen([sys.executable, str(script), str(log)], stdout=subprocess.PIPE, text=True)
    yield Scripted(process, int(process.stdout.readline()), log)
    process.kill()
    process.wait()
