"""Servers that may be asked for words: names, addresses, keys and consent. Standard library only: Slicer's Python reads it too."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from XAIReportLib.case import InputError

CHAT, RESPONSES = "chat", "responses"
INTERFACES = {CHAT: "chat/completions", RESPONSES: "responses"}
KEYRING_SERVICE = "xaireport"
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Preset:
    """``key``: the environment variable, and the name in the keyring, that hold the key; empty where none is used."""

    url: str
    key: str
    interface: str = CHAT


# xAI calls chat/completions legacy and recommends /v1/responses (docs.x.ai).
SERVERS = {
    "ollama": Preset("http://localhost:11434/v1", ""),
    "llama.cpp": Preset("http://127.0.0.1:8080/v1", ""),
    "vllm": Preset("http://127.0.0.1:8000/v1", "VLLM_API_KEY"),
    "xai": Preset("https://api.x.ai/v1", "XAI_API_KEY", RESPONSES),
    "mistral": Preset("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "openai": Preset("", "OPENAI_API_KEY"),
}


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes. ``silence_s``: between two pieces of an answer; ``tries``: for 429, 5xx and a broken connection."""

    connect_s: float = 5.0
    silence_s: float = 60.0
    total_s: float = 180.0
    answer_bytes: int = 4_000_000  # an event of some hundred bytes carries a word
    tries: int = 3
    pause_s: float = 1.0


# A server on this machine may load a model first and read a long prompt without a word.
LOCAL = Limits(silence_s=300.0, total_s=900.0)


@dataclass(frozen=True)
class Server:
    """Where to ask, and whom. It holds no key. ``pictures``: consent to send pictures there was given too."""

    name: str
    url: str
    model: str
    interface: str = CHAT
    pictures: bool = False
    limits: Limits = Limits()

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def is_local(self) -> bool:
        return self.host in _LOCAL


def server(
    name: str,
    url: str | None,
    model: str,
    allowed_hosts: Sequence[str] = (),
    interface: str | None = None,
    allowed_picture_hosts: Sequence[str] = (),
    limits: Limits | None = None,
) -> Server:
    """A server that may be asked: on this machine, or one whose host was named by the person.

    Raises:
        InputError: no such server, no address, no model, or no consent to its host.
    """
    address = _address(name, url)
    parts = urlsplit(address)
    spoken = interface or SERVERS[name].interface
    if spoken not in INTERFACES:
        raise InputError(f"interface {spoken} is unknown; choose {' or '.join(INTERFACES)}.")
    if not model:
        raise InputError(f"narrator {name} has no model; give --model.")
    host = parts.hostname or ""  # in small letters, as hosts are the same in any
    if host not in _LOCAL and host not in map(str.lower, allowed_hosts):
        raise InputError(
            f"{host} is not on this machine, and findings would be sent to it; "
            f"if that is wanted, give --allow-remote {host}."
        )
    if parts.scheme == "http" and host not in _LOCAL:
        raise InputError(f"{host} would be asked without encryption; give an https address.")
    if allowed_picture_hosts and host not in map(str.lower, allowed_picture_hosts):
        raise InputError(
            f"pictures may go to {', '.join(allowed_picture_hosts)}, but {host} would be asked; "
            f"if they may go there, give --allow-pictures {host}, otherwise leave it out."
        )
    return Server(
        name, address, model, spoken, bool(allowed_picture_hosts), limits or (LOCAL if host in _LOCAL else Limits())
    )


def remote_host(name: str, url: str | None = None) -> str | None:
    """The host that the findings would be sent to, for a person to consent to; None for this machine.

    Raises:
        InputError: no such server, or no usable address.
    """
    host = host_of(name, url)
    return None if host in _LOCAL else host


def host_of(name: str, url: str | None = None) -> str:
    """The host that would be asked.

    Raises:
        InputError: no such server, or no usable address.
    """
    return urlsplit(_address(name, url)).hostname or ""


def _address(name: str, url: str | None) -> str:
    if name not in SERVERS:
        raise InputError(f"narrator {name} is unknown; choose among template, replay, {', '.join(SERVERS)}.")
    address = (url or SERVERS[name].url).rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(
            f"narrator {name} has no usable address; give --endpoint http(s)://HOST/v1, without a user name, "
            "a key or a question mark in it."
        )
    return address


def api_key(name: str) -> str | None:
    """From the environment, else from the system's keyring (where the keyring package is there)."""
    variable = SERVERS[name].key
    if not variable:
        return None
    if key := os.environ.get(variable, "").strip():
        return key
    with suppress(Exception):  # no keyring package, no back end, or a locked one: then there is no key
        import keyring

        return keyring.get_password(KEYRING_SERVICE, variable)
    return None
