"""HTTP as the live page speaks it: a request without a body, and the head of a response."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Request:
    """The first line and the headers of a request; header names in lower case, the query as it was sent."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @classmethod
    def parse(cls, head: bytes) -> "Request | None":
        """The request, or None if it is not HTTP."""
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return None
        path, _, query = words[1].partition("?")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return cls(words[0], path, query, headers)

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the query; of one that is given twice, the first."""
        return {name: values[0] for name, values in parse_qs(self.query).items()}

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by their names."""
        pairs = self.headers.get("cookie", "").split(";")
        return dict(pair.strip().partition("=")[::2] for pair in pairs)


@dataclass(frozen=True)
class Response:
    """A response of a known length."""

    body: bytes
    kind: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK

    @classmethod
    def refusing(cls, status: HTTPStatus, reason: str = "") -> "Response":
        """A refusal, with its reason as text."""
        return cls(f"{reason or status.phrase}\n".encode(), status=status)


def head(status: HTTPStatus, kind: str, headers: dict[str, str]) -> bytes:
    """The head of a response that no cache keeps and no other site can read."""
    lines = {
        "Content-Type": kind,
        "Connection": "close",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in (lines | headers).items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{text}\r\n".encode()
