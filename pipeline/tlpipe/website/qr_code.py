"""The address of a site as a QR code, which a phone reads from the terminal."""

import io

import segno


def lines(url: str) -> list[str]:
    """The code in half blocks: a light module is a block, a dark one a space, so the ground has to be darker."""
    stream = io.StringIO()
    segno.make_qr(url, error="m").terminal(stream, compact=True, border=2)
    return stream.getvalue().splitlines()
