# SPDX-License-Identifier: Apache-2.0
"""Which URLs may be fetched: https, and http on this machine."""

import ipaddress
from urllib.parse import urlsplit

from anchor.errors import Misuse
from anchor.net.service_errors import excerpt


def check_url(url: str, *, where: str) -> None:
    """Raise Misuse unless the URL is https, or http on this machine, and has no user name or password."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as e:
        raise Misuse(f"not a URL: {e}", where=where) from None
    if any(c <= " " or c == "\x7f" for c in url) or not host:
        raise Misuse(f"not a URL: {excerpt(url.encode())}", where=where)
    if parts.username is not None or parts.password is not None:
        raise Misuse("a URL with a user name or password in it", where=where, remedy="give it without")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return
    raise Misuse(f"only https is fetched, and http on this machine: {excerpt(url.encode())}", where=where)


def below(prefix: str, path: str) -> str:
    """The URL of a path below a prefix that a person named. Raises Misuse for a prefix that cannot be one."""
    check_url(prefix, where="URL")
    if "?" in prefix or "#" in prefix:
        raise Misuse("a prefix with a query or a fragment", where="URL", remedy="give it without")
    return prefix.rstrip("/") + path


def is_loopback(host: str) -> bool:
    """True if a host name or address is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def origin(url: str) -> str:
    """Scheme, host and port. A redirect must stay within them."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}"
