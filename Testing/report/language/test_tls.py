"""A server whose certificate cannot be trusted is told nothing: what is wrong is said, and the report is the template's."""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases import findings_of
from running_server import Scripted, running
from XAIReportLib import __main__ as command_line
from XAIReportLib.report import language_models, narrative
from XAIReportLib.report.language_models import Choice

pytest.importorskip("cryptography")
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

FOUND = findings_of("left glioma")
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine that nobody but its own key has signed, and that key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    unencrypted = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, unencrypted))
    return paths


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    folder = tmp_path_factory.mktemp("tls")
    with running(folder, *certificate(folder)) as server:
        yield server


def test_a_certificate_that_is_not_trusted_is_said_to_be_the_reason(secure, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-4711")
    said: list[narrative.Sentence | None] = []
    story = language_models.narrate(
        FOUND, Choice("openai", "m", f"https://127.0.0.1:{secure.port}/good/v1"), said.append
    )
    assert story.notes[0] == (
        "127.0.0.1 could not be trusted (TLS failed: self-signed certificate); nothing was sent. "
        "Check the address and the server's certificate."
    )
    assert story.sentences == narrative.told(FOUND).sentences
    assert story.notes[-1] == "The text is the template's."
    assert [s for s in said if s] == []
    assert secure.all_sent("good") == []


def test_the_same_server_is_heard_where_its_certificate_is_trusted(secure, monkeypatch):
    """The failure above is the certificate's: nothing else is wrong with that server."""
    from XAIReportLib.report import stream

    trusted = str(secure.log.parent / "certificate.pem")
    session = stream.requests.Session

    class Trusting(session):
        def post(self, *arguments, **more):
            return super().post(*arguments, verify=trusted, **more)

    monkeypatch.setattr(stream.requests, "Session", Trusting)
    story = language_models.narrate(FOUND, Choice("openai", "m", f"https://127.0.0.1:{secure.port}/trusted/v1"))
    assert story.narrator == "openai"
    assert len(secure.all_sent("trusted")) == 1


def test_on_the_command_line_the_template_is_written_and_the_exit_code_tells(secure, tmp_path, capsys):
    (tmp_path / "findings.json").write_text(FOUND.to_json(), encoding="utf-8")
    output = tmp_path / "by-model.json"
    to = ["--narrator", "openai", "--endpoint", f"https://127.0.0.1:{secure.port}/good/v1", "--model", "m"]
    assert command_line.main(["narrate", str(tmp_path), *to, "--output", str(output)]) == 1
    assert "self-signed certificate" in capsys.readouterr().err
    assert json.loads(output.read_text(encoding="utf-8"))["narrator"] == "template"
