# SPDX-License-Identifier: Apache-2.0
"""A web server that publishes a folder by HTTP or HTTPS, and gives other answers where a test says so."""

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.servers.loopback import Handler, LoopbackServer, running


class FolderServer(LoopbackServer):
    """Serves `folder`. Paths have no leading slash; `asked` lists those of all requests.

    `answers` replaces a path by status, headers and body, `bodies` by a body, `moved` by a redirect, `huge`
    by 100 MB. `then` replaces a body from the second request on. `status` is that of all other answers.
    """

    def __init__(self, folder: Path, *, tls: Path | None = None) -> None:
        super().__init__(_Handler)
        self.folder = folder
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.bodies: dict[str, bytes] = {}
        self.status = 200
        self.huge: set[str] = set()
        self.moved: dict[str, str] = {}
        self.then: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.sent = 0
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"


class _Handler(Handler):
    def get(self) -> None:
        server = self.server
        assert isinstance(server, FolderServer)
        path = self.path.lstrip("/")
        file = server.folder / path
        again = path in server.asked
        server.asked.append(path)
        if path in server.answers:
            status, headers, body = server.answers[path]
            self.close_connection = True  # the body may be shorter than its headers say
            self.answer(status, body, **headers)
        elif path in server.moved:
            self.answer(302, Location=server.moved[path])
        elif path in server.huge:
            self._pour(server)
        elif again and path in server.then:
            self.answer(200, server.then[path])
        elif path in server.bodies:
            self.answer(200, server.bodies[path])
        elif server.status != 200 or not file.is_file():
            self.answer(server.status if server.status != 200 else 404)
        else:
            self.answer(200, file.read_bytes())

    def _pour(self, server: FolderServer) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)  # `sent`: what was taken
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b" " * (1 << 20))
                server.sent += 1 << 20
        except OSError:
            return


@contextmanager
def serve_folder(folder: Path, *, tls: Path | None = None) -> Iterator[FolderServer]:
    """A running server of a folder; with `tls`, by HTTPS with the key and certificate of that file."""
    with running(FolderServer(folder, tls=tls)) as server:
        yield server


def certificate(path: Path) -> Path:
    """Key and self-signed certificate of 127.0.0.1 in one PEM file, its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + made.public_bytes(Encoding.PEM))
    return path
