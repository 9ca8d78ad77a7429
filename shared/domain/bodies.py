"""A webhook body as named fields, whatever its notation; what the fields mean is not known here."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.domain.numbers import shown
from shared.domain.refusals import SignalRefused

Item = str | list[object] | dict[str, object]

WHITE = "\ufeff \t\r\n\f\v"
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres text holds neither NUL nor lone surrogates
HEAD_END = re.compile(r"[,;\n]")
# A comma parts two pairs only where a key and its `=` follow: the one in `price=21,500.25` does not.
BETWEEN_PAIRS = re.compile(r"[;\n]|,(?=[^,;\n=]*=)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The fields of a body that are not blank, by lower-case key; numbers stay the text that was sent."""

    fields: Mapping[str, Item]
    is_text: bool


def read_body(body: bytes | str) -> Body:
    """Read a JSON object, `NAME: action, Key = value`, `key=value` pairs or one word; raises SignalRefused."""
    decoded = body.decode("utf-8", errors="replace") if isinstance(body, bytes) else body
    text = _storable(decoded).strip(WHITE)
    if not text:
        raise SignalRefused("empty body")
    if text.startswith("["):
        raise SignalRefused("malformed JSON: a list where an object is expected")
    is_text = text.startswith("{{") or not text.startswith("{")  # {{ opens a placeholder, never an object
    return Body(fields=_read_text(text) if is_text else _read_object(text), is_text=is_text)


def _read_object(text: str) -> dict[str, Item]:
    unescaped = ESCAPED.sub(lambda escape: "!" if escape[1] == "!" else escape[0], text)
    try:
        document = json.loads(unescaped, parse_float=str, parse_int=str, parse_constant=str, strict=False)
    except json.JSONDecodeError as error:
        raise SignalRefused(f"malformed JSON at character {error.pos + 1}: {error.msg}") from error
    except RecursionError as error:
        raise SignalRefused("malformed JSON: nested too deeply") from error
    return _fields(document.items())


def _read_text(text: str) -> dict[str, Item]:
    head, *rest = HEAD_END.split(text, maxsplit=1)
    name, colon, word = head.partition(":")
    if colon and "=" not in head:
        return _pairs("".join(rest)) | _fields([("recorder", name), ("action", word)])
    return _pairs(text) if "=" in text else _fields([("action", text)])


def _pairs(text: str) -> dict[str, Item]:
    parts = [part.strip(f"{WHITE},") for part in BETWEEN_PAIRS.split(text)]
    for part in parts:
        if part and "=" not in part:
            raise SignalRefused(f"cannot read {shown(part)!r}: it is not key = value")
    return _fields((key, value) for key, _, value in (part.partition("=") for part in parts))


def _fields(items: Iterable[tuple[str, object]]) -> dict[str, Item]:
    """Keep what is not blank; of two spellings of one key the later stands."""
    read = ((key.strip(WHITE).lower(), _item(value)) for key, value in items)
    return {_storable(key): item for key, item in read if item}


def _item(value: object) -> Item:
    if isinstance(value, list | dict):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _storable(str(value)).strip(WHITE)


def _storable(text: str) -> str:
    return UNSTORABLE.sub("\ufffd", text)
