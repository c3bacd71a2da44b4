"""Certificates: refused with a sentence, trusted with ``ca_file``."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smarksync.errors import ConfigError, Transient
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def secured(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "ca.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "both.pem").write_bytes(private + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", tmp_path / "ca.pem"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_of_nobody_is_refused_unless_its_authority_is_named(secured):
    url, authority = secured
    session = OpenSession("crm", clock=ManualClock())
    with pytest.raises(Transient, match="certificate we do not trust") as caught:
        session.client(url).get("/")
    assert "ca_file" in str(caught.value)
    assert session.client(url, ca_file=str(authority)).get("/").json == {}
    with pytest.raises(ConfigError, match="ca_file"):
        session.client(url, ca_file=str(authority.with_name("missing.pem"))).get("/")
    session.close()


def test_plain_http_on_a_tls_port_breaks_off(secured):
    url, _ = secured
    session = OpenSession("crm", clock=ManualClock())
    with pytest.raises(Transient, match="broke off the connection"):
        session.client(url.replace("https", "http")).get("/")
    session.close()
