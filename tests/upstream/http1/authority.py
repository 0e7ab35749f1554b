"""A certificate authority for one test run."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates with the openssl command; clients trust `ca_file`."""

    folder: Path

    @property
    def ca_file(self) -> str:
        return str(self.folder / "ca.pem")

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """Create an authority with its files in a folder."""
        _openssl(folder, "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes",
                 "-days", "2", "-subj", "/CN=test-authority", "-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
        return cls(folder)

    def server(self, name: str) -> ssl.SSLContext:
        """Return the TLS settings of a server with a certificate for `name`."""
        self.sign(name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def sign(self, name: str) -> None:
        (self.folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}\nauthorityKeyIdentifier=keyid\n")
        _openssl(self.folder, f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name}",
                 "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        _openssl(self.folder, "x509 -req -days 1 -CA ca.pem -CAkey ca.key -CAcreateserial",
                 "-in", f"{name}.csr", "-extfile", f"{name}.ext", "-out", f"{name}.pem")  # fmt: skip


def _openssl(folder: Path, options: str, *files: str) -> None:
    subprocess.run(["openssl", *options.split(), *files], cwd=folder, check=True, capture_output=True)
