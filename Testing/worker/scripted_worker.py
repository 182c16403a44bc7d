# ruff: noqa: ARG001 - a handler's signature
"""A real child process with scripted handlers, for the tests of client, server and batch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError
from XAIReportLib.results import Cancelled
from XAIReportLib.worker.server import Channel, serve


def echo(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    print("a library prints to stdout")
    os.write(1, b"and past Python, too\n")
    channel.progress("read", 0.5, "half way é漢")
    return {"echo": parameters.get("text"), "pid": os.getpid()}


def slow(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    channel.progress("predict", 0.0, "started")
    for _ in range(600):
        if channel.cancelled():
            raise Cancelled("stopped")
        time.sleep(0.05)
    return {}


def die(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return {}


def refuse(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    raise InputError("scan.nii.gz is empty; copy it again.")


def fail(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    raise ZeroDivisionError("a defect")


def hang(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """Waits for what never comes, and heeds no cancel."""
    channel.progress("predict", 0.0, "started")
    threading.Event().wait()
    return {}


def compute(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """Says nothing for a while and is at work all the time."""
    end = time.monotonic() + parameters["seconds"]
    while time.monotonic() < end:
        sum(range(10_000))
    return {}


def leave(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    raise SystemExit(3)


def unspeakable(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"object": object()}


def offspring(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """Starts a process of its own and then hangs."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    channel.progress("predict", 0.0, str(child.pid))
    return hang(channel, parameters)


def bundle(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    if parameters["bundle"] != "brain_tumor_mri":
        raise InputError(f"bundle {parameters['bundle']} is unknown; give brain_tumor_mri.")
    return {"sha256": "0" * 64}


def analyze(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """By the input's name: dies, refuses, is slow, or writes a stand-in for a result."""
    name = Path(parameters["source"]).name
    for word, handler in (("die", die), ("bad", refuse), ("slow", slow)):
        if word in name:
            return handler(channel, parameters)
    return {"folder": str(Path(parameters["output"]) / parameters["case_id"]), "outcome": "no_lesion_found"}


def scene(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """By the result's name: refuses, has a warning, or writes a stand-in for a scene."""
    folder = Path(parameters["folder"])
    if "bad" in folder.name:
        return refuse(channel, parameters)
    if "warned" in folder.name:
        return {"warning": "scene.mrb was left out: there was no room."}
    (folder / "scene.mrb").write_text("scene")
    return {}


if __name__ == "__main__":
    handlers = (echo, slow, die, refuse, fail, hang, compute, leave, unspeakable, offspring, bundle, analyze, scene)
    sys.exit(serve({handler.__name__: handler for handler in handlers}))
