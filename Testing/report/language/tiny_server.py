"""llama-cpp-python's server in a process of its own, with the tiny model of tiny_model.py."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import tiny_model

START_S = 120
NEEDED = ("llama_cpp", "gguf", "uvicorn", "starlette_context")


def missing() -> list[str]:
    """Packages that the server needs and that are not here."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of the server, which runs meanwhile; ``folder`` takes the model and the server's words."""
    model, log = tiny_model.write(folder / "tiny.gguf"), folder / "log.txt"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", "32768", "--n_threads", "1"]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--chat_format", "chatml", *options]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/v1"
        _wait_for(address, process, log)
        yield address
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{address}/models", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError(f"the server does not run: {log.read_text(errors='replace')[-2000:]}")
