"""HTML tables for ``_repr_html_``, which a notebook shows; text from outside is escaped."""

import html
from collections.abc import Iterable, Sequence


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table; the first cell of each row is a header cell."""
    heads = "".join(f"<th>{html.escape(head)}</th>" for head in header)
    body = "".join(
        f"<tr><th>{html.escape(first)}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    said = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{said}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
