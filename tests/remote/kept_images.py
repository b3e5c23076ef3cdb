"""Images that a camera keeps on a device, as ``tlpipe-edge camera --collect`` writes them."""

import hashlib
import json
from pathlib import Path

from tlpipe_edge.contract import codec, review
from tlpipe_edge.contract.review import Kept, Reason


def sidecar(image: bytes, *, label: str = "cat") -> bytes:
    """What is said of an image."""
    kept = Kept(
        sha256=hashlib.sha256(image).hexdigest(),
        label=label,
        best="cat",
        score=0.4,
        time="2026-05-01T10:00:00+02:00",
        reason=Reason.UNCERTAIN,
        model="clothing",
        recipe="int8",
        artifact_sha256="0" * 64,
        device="Raspberry Pi 4",
    )
    return json.dumps(codec.as_json(kept)).encode()


def keep(folder: Path, path: str, content: bytes = b"") -> Path:
    """Keep an image, LABEL/NAME.jpg, in the folder of --collect; give the image."""
    image = folder / review.REVIEW / path
    image.parent.mkdir(parents=True, exist_ok=True)
    content = content or b"\xff\xd8\xff" + path.encode()
    review.beside(image).write_bytes(sidecar(content, label=image.parent.name))
    image.write_bytes(content)
    return image


def keep_several(folder: Path) -> list[str]:
    """Five images of two labels; give their paths."""
    paths = ["cat/1.jpg", "cat/2.jpg", "cat/3.jpg", "unknown/4.jpg", "unknown/5.jpg"]
    for path in paths:
        keep(folder, path)
    return paths


def files(folder: Path) -> dict[str, bytes]:
    """All files below the folder, also hidden ones, by their paths."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
