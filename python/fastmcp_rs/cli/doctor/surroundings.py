"""The installation: versions, proxies and certificates."""

import os
import platform
import ssl
import urllib.parse
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import fastmcp_rs
from fastmcp_rs.cli.doctor.findings import Finding, advise, fail, pass_

__all__ = ["surroundings"]

_OLDEST_FASTMCP = (2, 12)
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def surroundings() -> Iterator[Finding]:
    """Look at the installation."""
    yield _versions()
    yield from _proxies()
    yield from _certificates()


def _versions() -> Finding:
    ours = f"fastmcp-rs {fastmcp_rs.__version__}, {platform.python_implementation()} {platform.python_version()}"
    found = {name: version for name in ("fastmcp", "mcp") if (version := _version(name)) is not None}
    if "fastmcp" not in found:
        return advise("versions", f"{ours}, no FastMCP", "pip install 'fastmcp-rs[fastmcp]', unless this is no server")
    text = ", ".join([ours, *(f"{name} {version}" for name, version in found.items())])
    release = tuple(int(part) for part in found["fastmcp"].split(".")[:2] if part.isdecimal())
    if release < _OLDEST_FASTMCP:
        return fail("versions", text, "update FastMCP: 2.12 is the oldest that is supported")
    return pass_("versions", text)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _proxies() -> Iterator[Finding]:
    found = {}
    for name in _PROXIES:
        # As the lookups have it: the lower case first.
        value = os.environ.get(name.lower()) or os.environ.get(name)
        if value:
            found[name] = value
    if not found:
        yield pass_("proxies", "none is configured")
        return
    shown = {}
    for name, value in found.items():
        place = _place(value)
        if place is None:
            yield fail("proxies", f"{name} is no URL of a proxy", f"set {name} to a URL such as http://proxy:3128")
        else:
            shown[name] = place
    if shown:
        without = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        text = ", ".join(f"{name}={place}" for name, place in shown.items())
        yield pass_("proxies", f"{text}{f', not for {without}' if without else ''}")


def _place(proxy: str) -> str | None:
    """A proxy without the credentials that its URL may have; ``None`` if it is none."""
    try:
        parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname and parts.scheme in _SCHEMES else None


def _certificates() -> Iterator[Finding]:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not folder:
        yield pass_("certificates", "those of the system")
    if file:
        try:
            count = len(_authorities(file))
        except (OSError, ssl.SSLError):
            count = 0
        if count:
            yield pass_("certificates", f"{count} of SSL_CERT_FILE={file}, in the place of the system's")
        else:
            yield fail(
                "certificates",
                f"SSL_CERT_FILE={file} is no file with certificates",
                "name a file with certificates in PEM, or unset SSL_CERT_FILE to trust those of the system",
            )
    if folder:
        if Path(folder).is_dir():
            yield pass_("certificates", f"those of SSL_CERT_DIR={folder}, in the place of the system's")
        else:
            yield fail(
                "certificates",
                f"SSL_CERT_DIR={folder} is no folder",
                "name a folder with certificates, or unset SSL_CERT_DIR",
            )


def _authorities(file: str) -> list[str]:
    ssl.create_default_context().load_verify_locations(cafile=file)
    return Path(file).read_text(encoding="ascii", errors="replace").split("-----BEGIN CERTIFICATE-----")[1:]
