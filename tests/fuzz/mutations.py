"""Ways to damage a document: bytes of any kind, JSON, the members of archives. All of it follows from ``random``."""

import io
import itertools
import json
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tlpipe_edge.contract import checksums
from tlpipe_edge.contract.files import parse_json

MAX_BYTES = 400_000
"""A mutant is not longer: what readers do with large files is tested elsewhere, and takes time here."""

Mutation = Callable[[bytes, Random], bytes]

_POWERS = [sign << power for power in (0, 7, 8, 15, 16, 31, 32, 63, 64) for sign in (1, -1)]
INTEGERS = tuple(dict.fromkeys(power + step for power in _POWERS for step in (-1, 0, 1)))
"""Those at the edges of the types of machines."""
NUMBERS = (
    *map(str, INTEGERS),
    "1e999",
    "-1e999",
    "1e308",
    "-0.0",
    "1e-320",
    "NaN",
    "Infinity",
    "0.5",
    "9" * 400,
    "9" * 5000,
)
TEXTS = (
    *("", " ", "\0", "a\0b", "..", "../x", "/", "/etc/passwd", "a/b", "C:\\x", "~", "~root", "$HOME", "http://x/"),
    *("x" * 300, "x" * 5000, "\ud800", "\udc80", "\u00e9", "e\u0301", "\U0001f600", "\u202e", "\x1b[2J", "\r\n", "\n"),
    *("<script>", "|", "%s", "nan", "0", "-1", "true", "None", "[]", "{}", "0" * 64, "1-frozen", "2-finetuned"),
)
DEEP = (50, 900, 985, 10_000)
"""Levels of a nested list: few, about as many as the stack of Python has, and more."""
RAW = (*NUMBERS, "null", "true", "false", "[]", "{}", "[[]]", '[""]', '{"": 0}', "[0, 1]", "[null]")
"""JSON values as they are written."""

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_PLACE = "\ue000{}\ue001"
"""Stands for a value that the writer of JSON would not write."""


def octets(tokens: Sequence[bytes] = ()) -> Mutation:
    """Some of: flipped bits, runs that are changed, moved, repeated or lost, edges of integers, and ``tokens``."""
    words = (*tokens, *(text.encode(errors="surrogatepass") for text in TEXTS))

    def mutate(content: bytes, random: Random) -> bytes:
        changed = bytearray(content)
        for _ in range(random.choice((1, 1, 1, 2, 2, 4, 8, 16))):
            random.choice(_CHANGES)(changed, random, words)
        return bytes(changed[:MAX_BYTES])

    return mutate


def _place(changed: bytearray, random: Random) -> int:
    return random.randrange(len(changed) + 1)


def _run(changed: bytearray, random: Random) -> slice:
    start = _place(changed, random)
    return slice(start, start + random.choice((1, 2, 4, 8, 16, 64, 256, 4096)))


def _flip(changed: bytearray, random: Random, _words: Sequence[bytes]) -> None:
    if changed:
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)


def _set(changed: bytearray, random: Random, _words: Sequence[bytes]) -> None:
    if changed:
        changed[random.randrange(len(changed))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _integer(changed: bytearray, random: Random, _words: Sequence[bytes]) -> None:
    start, size = _place(changed, random), random.choice((1, 2, 4, 8))
    number = random.choice((*INTEGERS, len(changed), len(changed) - start, random.getrandbits(64)))
    written = (number % (1 << 8 * size)).to_bytes(size, random.choice(("little", "big")))
    changed[start : start + size] = written


def _delete(changed: bytearray, random: Random, _words: Sequence[bytes]) -> None:
    del changed[_run(changed, random)]


def _repeat(changed: bytearray, random: Random, _words: Sequence[bytes]) -> None:
    run = bytes(changed[_run(changed, random)]) * random.choice((1, 1, 2, 50))
    start = _place(changed, random)
    changed[start:start] = run


def _overwrite(changed: bytearray, random: Random, _words: Sequence[bytes]) -> None:
    run = _run(changed, random)
    length = len(changed[run])
    changed[run] = random.choice((bytes(length), b"\xff" * length, random.randbytes(length)))


def _word(changed: bytearray, random: Random, words: Sequence[bytes]) -> None:
    start = _place(changed, random)
    word = random.choice(words)
    changed[start : start + random.choice((0, len(word)))] = word


def _number(changed: bytearray, random: Random, _words: Sequence[bytes]) -> None:
    found = list(_NUMBER.finditer(changed))
    if found:
        one = random.choice(found)
        changed[one.start() : one.end()] = random.choice(NUMBERS).encode()


def _truncate(changed: bytearray, random: Random, _words: Sequence[bytes]) -> None:
    del changed[_place(changed, random) :]


_CHANGES = (_flip, _flip, _set, _integer, _integer, _delete, _repeat, _overwrite, _word, _number, _truncate)

_any_octets = octets()


def values(content: bytes, random: Random) -> bytes:
    """A JSON document with values that are others, keys that are lost, repeated or moved; sometimes its bytes."""
    if random.random() < 0.15:
        return _any_octets(content, random)
    try:
        document = [json.loads(content)]
    except (ValueError, RecursionError):
        return _any_octets(content, random)
    written: list[str] = []
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        inside, key = random.choice(_places(document))
        _change(inside, key, random, written)
    text = json.dumps(document)[1:-1]
    for number, raw in enumerate(written):
        text = text.replace(json.dumps(_PLACE.format(number)), raw)
    return text.encode()


def sealed(mutate: Mutation) -> Mutation:
    """A JSON document whose own checksum fits what ``mutate`` made of it; sometimes the old one, or none."""

    def mutated(content: bytes, random: Random) -> bytes:
        changed = mutate(content, random)
        return changed if random.random() < 0.2 else with_seal(changed)

    return mutated


def with_seal(content: bytes) -> bytes:
    """A JSON document with a checksum at its end that fits it: of two, the last one counts. Others are as they were."""
    try:
        document = parse_json(content)
        seal = checksums.sealed(document)[checksums.KEY] if isinstance(document, dict) and document else None
    except (ValueError, RecursionError):
        return content
    if seal is None:
        return content
    end = content.rindex(b"}")
    return content[:end] + f', "{checksums.KEY}": "{seal}"'.encode() + content[end:]


def lines_of_values(content: bytes, random: Random) -> bytes:
    """JSON Lines with one line that is changed as a document of its own, or its bytes."""
    if random.random() < 0.3:
        return _any_octets(content, random)
    lines = content.split(b"\n")
    place = random.randrange(len(lines))
    lines[place] = values(lines[place], random)
    return b"\n".join(lines)


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Each value of a document: what it is in, and its key there."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    for each in waiting:
        found += zip(itertools.repeat(each), each if isinstance(each, dict) else range(len(each)))
        waiting += [
            value for value in (each.values() if isinstance(each, dict) else each) if type(value) in (dict, list)
        ]
    return found


def _change(inside: Any, key: Any, random: Random, written: list[str]) -> None:
    how = random.randrange(10)
    if how == 0 and isinstance(inside, dict):
        inside.pop(key, None)
    elif how == 1 and isinstance(inside, list) and len(inside) > 1:
        inside.insert(random.randrange(len(inside)), inside[key % len(inside)])
    elif how == 2 and isinstance(inside, dict):
        inside[random.choice(TEXTS)] = inside.pop(key, None)
    elif how == 3:
        others = list(inside.values()) if isinstance(inside, dict) else inside
        inside[key] = random.choice(others) if others else None
    elif how in (4, 5, 6):
        inside[key] = random.choice(TEXTS)
    else:
        inside[key] = _PLACE.format(len(written))
        written.append(_deep(random) if random.random() < 0.02 else random.choice(RAW))


def _deep(random: Random) -> str:
    levels, (start, end) = random.choice(DEEP), random.choice((("[", "]"), ('{"":', "}")))
    return f"{start * levels}0{end * levels}"


def members(mutate: Mutation, *, of_archive: float = 0.3) -> Mutation:
    """A zip with a member that ``mutate`` changed, or its name, with sums that fit; or the bytes of the archive."""

    def mutated(content: bytes, random: Random) -> bytes:
        if random.random() < of_archive:
            return _any_octets(content, random)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                parts = [(info, archive.read(info)) for info in archive.infolist()]
        except Exception:  # a mutant that is mutated again, as a guided engine does
            return _any_octets(content, random)
        place = random.randrange(len(parts)) if parts else -1
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for number, (info, data) in enumerate(parts):
                changed = zipfile.ZipInfo(info.filename)
                changed.external_attr = info.external_attr
                if number == place and random.random() < 0.2:
                    changed.filename = random.choice((random.choice(TEXTS), random.choice(TEXTS) + info.filename))
                    changed.external_attr = random.choice((0, random.getrandbits(32), 0o120777 << 16))
                content_then = mutate(data, random) if number == place and changed.filename == info.filename else data
                try:
                    archive.writestr(changed, content_then, archive.compression)
                except (UnicodeError, ValueError):  # a name that no archive has
                    archive.writestr("x", content_then)
        return out.getvalue()

    return mutated


def tar_headers(content: bytes, random: Random) -> bytes:
    """An uncompressed tar with a damaged header whose checksum fits, or damaged bytes anywhere."""
    if len(content) < tarfile.BLOCKSIZE or random.random() < 0.4:
        return _any_octets(content, random)
    start = random.randrange(len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    header = bytearray(_any_octets(content[start : start + tarfile.BLOCKSIZE], random)[: tarfile.BLOCKSIZE])
    header += bytes(tarfile.BLOCKSIZE - len(header))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return content[:start] + bytes(header) + content[start + tarfile.BLOCKSIZE :]


def png_chunks(content: bytes, random: Random) -> bytes:
    """A damaged PNG whose chunks have the right checksums, as far as they can be found."""
    changed = bytearray(_any_octets(content, random))
    at = 8
    while at + 12 <= len(changed):
        (length,) = struct.unpack_from(">I", changed, at)
        end = at + 8 + length
        if end + 4 > len(changed):
            break
        struct.pack_into(">I", changed, end, zlib.crc32(changed[at + 4 : end]))
        at = end + 4
    return bytes(changed)


def one_of(*mutations: Mutation) -> Mutation:
    """One of these, each as often."""
    return lambda content, random: random.choice(mutations)(content, random)
