"""A URL that gives one image per request, as many network cameras have one beside their stream."""

import contextlib
import functools
import hashlib
import http.client
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from tlpipe_edge.errors import BadData
from tlpipe_edge.images import decode
from tlpipe_edge.images.decode import Pixels

INTERVAL = 0.25
"""Seconds between the beginnings of two requests."""
MAX_BYTES = 64_000_000
"""Maximum size of an image: those of a camera are compressed, and a small device has little memory."""
TIMEOUT = 5.0
"""Seconds without a byte, and for the whole response after its first byte."""

_PIECE = 1 << 16
_NO_IMAGE = {"text": "text", "video": "a video", "audio": "sound", "multipart": "a stream"}
"""Content types that are no image, by their first part. A server can write what it likes into the second one."""
_MALFORMED = (ValueError, IndexError)
"""What urllib raises for an unknown or damaged WWW-Authenticate."""
_UNRESERVED = "%/:=&?~+!$,;'@()*[]|^{}\"<>`\\"
"""What ``quote`` leaves as it is: all but blanks, control characters and those that are not ASCII."""


@dataclass(frozen=True)
class Response:
    """An upright image, RGB uint8 (H, W, 3), or the problem in a few words, and the advice."""

    pixels: Pixels | None
    problem: str = ""
    advice: str = "Check its address."


class ImageUrl:
    """An http or https URL, with its user and password for basic and digest authentication (RFC 7617; RFC 7616: MD5,
    SHA-1 and SHA-256)."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.strip().partition("://")
        end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
        login, _, host = rest[:end].rpartition("@")
        root = f"{scheme.lower()}://{host}"
        self._url = f"{root}{quote(rest[end:].partition('#')[0], safe=_UNRESERVED)}"
        user, _, password = login.partition(":")
        self._login = (root, unquote(user), unquote(password)) if login else None

    @functools.cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        """Raise ValueError if the URL has no valid host."""
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if self._login:
            passwords.add_password(None, *self._login)  # None: any realm
        return urllib.request.build_opener(_Moved, _Digest(passwords), _Basic(passwords))

    def get(self) -> Response:
        """The response to one request. No text in it has a part of the URL, or of what the server wrote but its
        status."""
        try:
            request = urllib.request.Request(self._url, headers={"Cache-Control": "no-cache"})
            with self._opener.open(request, timeout=TIMEOUT) as response:
                kind = _NO_IMAGE.get(response.headers.get_content_maintype())
                if "Content-Type" in response.headers and kind:
                    advice = "Name the address of its stream or image, not of a page."
                    return Response(None, f"the server answers with {kind}, not with an image", advice)
                return Response(decode.decode(_body(response)))
        except urllib.error.HTTPError as error:
            error.close()
            return _refused(error.code)
        except BadData as error:
            return Response(None, f"the server's image: {error.reason}")
        except (OSError, http.client.HTTPException, ValueError, OverflowError) as error:  # the last: a chunk of -2**64
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            return Response(None, *_failed(reason))


class _Moved(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """The request for the new address. The response is closed: urllib would read all that the server announces."""
        fp.close()
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Digest(urllib.request.HTTPDigestAuthHandler):
    """With SHA-256, which newer cameras ask for, and names of algorithms in any case."""

    def get_algorithm_impls(self, algorithm: str) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        if algorithm.upper() == "SHA-256":
            return _sha256, lambda secret, data: _sha256(f"{secret}:{data}")
        known: tuple[Callable[[str], str], Callable[[str, str], str]]
        known = super().get_algorithm_impls(algorithm.upper())
        return known

    def http_error_401(self, *response: Any) -> Any:
        """None for another way to log in, which the next handler may know, or an algorithm that is not known."""
        try:
            return super().http_error_401(*response)
        except _MALFORMED:
            return None
        finally:  # or else the sixth response of this kind is the last one
            self.reset_retry_count()


class _Basic(urllib.request.HTTPBasicAuthHandler):
    def http_error_401(self, *response: Any) -> Any:
        """None for another way to log in: it is an HTTPError then."""
        with contextlib.suppress(*_MALFORMED), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a realm without quotes, which some cameras send
            return super().http_error_401(*response)
        return None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _body(response: http.client.HTTPResponse) -> bytes:
    """The body. Raise BadData if it is too large, TimeoutError if it takes too long, IncompleteRead if it is cut."""
    body, deadline = bytearray(), time.monotonic() + TIMEOUT
    while piece := response.read1(_PIECE):
        body += piece
        if len(body) > MAX_BYTES:
            raise BadData(f"more than {MAX_BYTES // 10**6} MB, too large for an image")
        if time.monotonic() > deadline:
            raise TimeoutError
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return bytes(body)


def _refused(code: int) -> Response:
    phrase = next((f" {status.phrase}" for status in HTTPStatus if status == code), "")
    login = code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    advice = "Check its user and password." if login else "Check its address."
    return Response(None, f"the server answers HTTP {code}{phrase}", advice)


def _failed(reason: object) -> tuple[str, str]:
    """The problem and the advice for an error below HTTP. Its own text may have the URL in it."""
    if isinstance(reason, TimeoutError):
        return f"no response for {TIMEOUT:g} s", "Check its network."
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "its certificate is not trusted", "Name a file with the certificate in $SSL_CERT_FILE."
    if isinstance(reason, socket.gaierror):
        return "no such host", "Check its address."
    if isinstance(reason, http.client.IncompleteRead):
        return "the response is cut off", "Check its network."
    if isinstance(reason, OSError) and reason.errno:
        return os.strerror(reason.errno).lower(), "Check its address."
    return "no valid response", "Check its address."
