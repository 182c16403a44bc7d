"""The worker itself: ``python -m XAIReportLib worker``. Reads requests from stdin, answers on what was stdout.

The protocol gets the process's own stdout; file descriptor 1 is pointed at stderr, so that no library's print corrupts it.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from XAIReportLib.case import InputError
from XAIReportLib.folder import one_line
from XAIReportLib.results import Cancelled
from XAIReportLib.worker.protocol import BEAT, CANCEL, PROTOCOL, ProtocolError, decode, encode

HEARTBEAT_S = 5.0
# A request that uses less of one processor than this share is not at work; the beat itself uses far less.
LIVELY_SHARE = 0.005
# How often is said that a language model is being waited for.
WAITING_S = 2.0
# How long a request may take to stop when the client is gone.
CLEAN_UP_S = 3.0


class Channel:
    """What a handler may do while it works: report, and ask whether it should stop."""

    def __init__(self, request_id: str, send: Callable[[str, str, dict[str, Any]], None]) -> None:
        self.id = request_id
        self._send = send
        self._stop = threading.Event()

    def progress(self, stage: str, fraction: float, message: str, **more: Any) -> None:
        self._send(self.id, "progress", {"stage": stage, "fraction": fraction, "message": message, **more})

    def log(self, text: str) -> None:
        self._send(self.id, "log", {"text": text})

    def cancel(self) -> None:
        self._stop.set()

    def cancelled(self) -> bool:
        return self._stop.is_set()


Handler = Callable[[Channel, dict[str, Any]], dict[str, Any]]


def analyze(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """The whole road for one case, and its scene unless ``scene`` is false: parameters of pipeline.analyze; returns the folder,
    and as ``warning`` why it has no scene."""
    from XAIReportLib.pipeline import analyze as walk

    options = dict(parameters)
    with_scene = options.pop("scene", True)
    analysis = walk(
        options.pop("source"),
        options.pop("output"),
        progress=lambda step: channel.progress(step.stage, step.fraction, step.message),
        cancelled=channel.cancelled,
        **options,
    )
    warned = add_scene(channel, {"folder": analysis.folder}) if with_scene else {}
    return {"folder": str(analysis.folder), "outcome": analysis.prediction.outcome, **warned}


def add_scene(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """Makes scene.mrb of the finished result in ``folder``. The result stays when there can be none: why is returned as
    ``warning`` and added to those of the result."""
    from XAIReportLib.folder import add_warning
    from XAIReportLib.scene import SceneUnavailable, write_mrb

    folder = Path(parameters["folder"])
    channel.progress("scene", 0.0, "making the Slicer scene")
    try:
        write_mrb(folder)
    except SceneUnavailable as error:
        message = f"scene.mrb was left out: {one_line(error)}"
    except Exception as error:  # the analysis is finished work and stays
        message = f"scene.mrb could not be made ({one_line(error)}); the rest of the result is complete."
    else:
        return {}
    channel.log(message)
    with contextlib.suppress(InputError, OSError):  # the disk that had no room for a scene may have none for this
        add_warning(folder, message, "scene.mrb")
    return {"warning": message}


def describe_bundle(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - a handler's signature
    """What a batch must know before it starts: which bundle it is, and that some case can be analysed with the options (those of
    pipeline.check_options; others are left alone). The network's libraries are loaded here, not in the client."""
    from XAIReportLib.pipeline import check_options

    known = inspect.signature(check_options).parameters
    bundle = check_options(**{name: value for name, value in parameters.items() if name in known})
    return {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}


def devices(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """What each wish for a device comes to on this machine, and why, in a sentence."""
    from XAIReportLib.models.bundle import choose_device

    def sentence(wish: str) -> str:
        try:
            return choose_device(wish)[1]
        except InputError as error:
            return str(error)

    return {"devices": {wish: sentence(wish) for wish in ("auto", "cpu", "cuda")}}


def prepare_revision(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Gets ready for edits of the outlines of the result in ``folder``."""
    from XAIReportLib import revision

    revision.prepare(parameters["folder"])
    return {}


def revise(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """A reader's edit of the outlines: what rests on them into ``output``, or the whole report beside the result."""
    import numpy as np

    from XAIReportLib import revision

    labels, affine = np.load(parameters["labels"], allow_pickle=False), np.array(parameters["affine"])
    if parameters.get("whole"):
        channel.progress("report", 0.0, "drawing the corrected report")
        return {"folder": str(revision.write_corrected(parameters["folder"], labels, affine))}
    return {"folder": str(revision.revise(parameters["folder"], labels, affine, parameters["output"]))}


def narrate(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """The text of a finished case by a language model: parameters ``findings`` (the file or its folder) and those of
    language_models.Choice. Each supported sentence is a progress event; returns the narrative, and writes nothing but ``store``.
    """
    from XAIReportLib.report.language_models import narrate as write

    found, folder, choice = _language_request(parameters)
    story = write(found, choice, _said(channel), channel.cancelled, _waiting(channel, choice.narrator), folder)
    return {"narrative": story.model_dump(mode="json")}


def check_narrator(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """That the chosen narrator, by the fields of language_models.Choice, can be asked at all, with the consent that it needs."""
    from XAIReportLib.report.language_models import check as can_be_asked
    from XAIReportLib.report.language_models import choice_of

    can_be_asked(choice_of(parameters))
    return {}


def narrate_result(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """The report of a finished result in a language model's words, beside the template's: parameters ``folder`` and those of
    language_models.Choice. Returns what it took as ``usage``, or why there is none as ``warning``, which the result then says."""
    from XAIReportLib.report import narrated
    from XAIReportLib.report.language_models import choice_of
    from XAIReportLib.report.usage import took

    options = dict(parameters)
    folder, choice = Path(options.pop("folder")), choice_of(options)
    waiting = _waiting(channel, choice.narrator)
    story, warning = narrated.add(folder, choice, _said(channel), channel.cancelled, waiting)
    if story is None:
        return {"warning": warning}
    return {"usage": took(story.usage.model_dump()) if story.usage is not None else ""}


def ask(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """A question about a finished case: parameters ``question``, ``findings`` and those of language_models.Choice; the narrator
    "template" answers offline. Progress as of narrate; returns the reply."""
    from XAIReportLib.report.dialogue_model import reply

    options = {"narrator": "template", **parameters}
    question = options.pop("question")
    found, folder, choice = _language_request(options)
    waiting = _waiting(channel, choice.narrator)
    given = reply(question, found, choice, _said(channel), channel.cancelled, waiting, folder)
    return {"reply": given.model_dump(mode="json")}


def _language_request(parameters: dict[str, Any]) -> tuple[Any, Path, Any]:
    """Findings, their folder and who writes, of the parameters of a request. Raises InputError."""
    from XAIReportLib.report.commands import findings_at, folder_of
    from XAIReportLib.report.language_models import choice_of

    options = dict(parameters)
    path = Path(options.pop("findings"))
    return findings_at(path), folder_of(path), choice_of(options)


def _said(channel: Channel) -> Callable[[Any], None]:
    """Each checked sentence as a progress event; a null sentence says that those before it are void."""

    def said(sentence: Any) -> None:
        text = "" if sentence is None else sentence.text
        channel.progress("narrate", 0.0, text, sentence=None if sentence is None else sentence.model_dump(mode="json"))

    return said


def _waiting(channel: Channel, name: str) -> Callable[[], None]:
    """Says now and then that a server is being waited for: a request that waits uses no processor time."""
    began = last = time.monotonic()

    def waiting() -> None:
        nonlocal last
        if time.monotonic() - last >= WAITING_S:
            last = time.monotonic()
            channel.progress("narrate", 0.0, f"waiting for {name}, {last - began:.0f} s")

    return waiting


def check(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """The grounding check of ``texts``, each as one statement in ``language`` (English where none is given), against the
    ``findings`` (the text of a findings.json)."""
    from XAIReportLib.report.findings import parsed
    from XAIReportLib.report.grounding.translated import checker_of

    checker = checker_of(parsed(parameters["findings"]), parameters.get("language", "en"))
    found = [checker.sentence(text) for text in parameters["texts"]]
    return {"checked": [{"outcome": one.verdict, "why": one.reason} for one in found]}


def reword(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:
    """The report as it is shown: in a narrator's words (``narrative``, the text of a narrative.json) and with the reader's
    own sentences, of a result or of its corrected form; returns the folder."""
    from XAIReportLib import reviews, revision

    channel.progress("report", 0.0, "writing the report as it is shown")
    folder, edits = parameters["folder"], (reviews.read_review(Path(parameters["folder"])) or reviews.Review()).edits
    return {"folder": str(revision.write_reworded(folder, parameters["narrative"], edits, parameters["corrected"]))}


def ping(channel: Channel, parameters: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - a handler's signature
    return {"pong": True, "python": sys.version.split()[0]}


HANDLERS: dict[str, Handler] = {
    "analyze": analyze,
    "scene": add_scene,
    "prepare_revision": prepare_revision,
    "revise": revise,
    "check": check,
    "reword": reword,
    "bundle": describe_bundle,
    "devices": devices,
    "narrate": narrate,
    "narrate_result": narrate_result,
    "check_narrator": check_narrator,
    "ask": ask,
    "ping": ping,
}


def serve(handlers: Mapping[str, Handler] = HANDLERS) -> int:
    """Answers requests until stdin ends or "shutdown" comes. One request at a time; "cancel" is heard meanwhile."""
    requests, answers = _take_stdio()
    lock = threading.Lock()

    def send(request_id: str, kind: str, data: dict[str, Any]) -> None:
        line = encode({"id": request_id, "type": kind, "data": data})
        with lock:
            answers.write(line)
            answers.flush()

    send("", "ready", {"pid": os.getpid(), "python": sys.version.split()[0]})
    channel: Channel | None = None
    thread: threading.Thread | None = None
    for line in requests:
        try:
            message = decode(line)
        except ProtocolError as error:
            print(f"a request was not understood: {error}", file=sys.stderr, flush=True)
            continue
        kind, request_id = message["type"], message["id"]
        if kind == CANCEL:
            if channel is not None and channel.id == request_id:
                channel.cancel()
            continue
        if kind == "shutdown":
            send(request_id, "result", {})
            break
        if message["protocol"] != PROTOCOL or kind not in handlers:
            reason = f"The worker speaks protocol {PROTOCOL} and knows {', '.join(handlers)}; it was asked for {kind}."
            send(request_id, "error", {"message": reason, "details": "", "kind": "internal"})
            continue
        if thread is not None:
            thread.join()
        channel = Channel(request_id, send)
        work = (kind, handlers[kind], channel, message.get("params") or {}, send)
        thread = threading.Thread(target=_work, args=work, daemon=True)
        thread.start()
        beat = float(message.get("heartbeat_s") or HEARTBEAT_S)
        threading.Thread(target=_beat, args=(thread, send, beat), daemon=True).start()
    if channel is not None and thread is not None:
        channel.cancel()
        thread.join(CLEAN_UP_S)  # a half-written result is removed by the one who writes it
    return 0


def _work(kind: str, handler: Handler, channel: Channel, parameters: dict[str, Any], send: Callable[..., None]) -> None:
    """One request to its end. Every way to fail is an answer: without one the client would wait for ever."""
    try:
        send(channel.id, "result", handler(channel, parameters))
    except Cancelled:
        send(channel.id, "cancelled", {})
    except InputError as error:
        send(channel.id, "error", {"message": str(error), "details": "", "kind": "input"})
    except BaseException as error:  # the person gets a sentence, the details hold the rest
        what = "The analysis" if kind == "analyze" else f"The request {kind}"
        message = f"{what} failed ({type(error).__name__}: {one_line(error)})."
        send(channel.id, "error", {"message": message, "details": traceback.format_exc(), "kind": "internal"})


def _beat(thread: threading.Thread, send: Callable[..., None], seconds: float) -> None:
    """Signs of life while a request is worked on, given only while it is: a deadlock or a disk that does not answer uses
    no processor time, so that it grows silent and is taken for hung, like an interpreter that is stuck."""
    used = time.process_time()
    while True:
        thread.join(seconds)
        if not thread.is_alive():
            return
        before, used = used, time.process_time()
        if used - before > LIVELY_SHARE * seconds:
            send("", BEAT, {})


def _take_stdio() -> tuple[BinaryIO, BinaryIO]:
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = sys.stderr
    return requests, answers


def _leave_slicer_python() -> None:
    """Takes 3D Slicer's own Python folder off sys.path: the PyPI package ``slicer`` of shap must not resolve to Slicer's."""
    home = os.environ.get("SLICER_HOME")
    if home:
        own = (Path(home) / "bin" / "Python").resolve()
        sys.path[:] = [p for p in sys.path if not p or Path(p).resolve() != own]


def run(options: argparse.Namespace) -> int:  # noqa: ARG001 - a command's signature
    _leave_slicer_python()
    code = serve()
    sys.stderr.flush()
    os._exit(code)  # a request that does not stop, or a library's thread, would keep the process alive


def add_parser(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("worker", help="answer requests on stdin (used by 3D Slicer and by batch)")
    command.set_defaults(run=run)
