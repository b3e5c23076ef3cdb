"""A certificate that is made on the spot: browsers give a page the camera only over https, or on localhost."""

import ssl
from datetime import UTC, datetime, timedelta

import trustme

DAYS = 30
MADE_BY = "tlpipe web --serve"


def context(*names: str) -> ssl.SSLContext:
    """A context for a server with these host names and numeric addresses. No browser knows who signed it."""
    now = datetime.now(UTC)
    made = trustme.CA(organization_name=MADE_BY).issue_cert(
        *names,
        organization_name=MADE_BY,
        not_before=now - timedelta(days=1),
        not_after=now + timedelta(days=DAYS),
    )
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.configure_cert(found)
    return found
