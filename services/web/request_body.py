"""Reads the body of a request, as much of it as anybody wants."""

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope

MOST_READ_AWAY = 1024 * 1024


async def read_body(scope: Scope, proto: HTTPProtocol, most: int) -> bytes | None:
    """Read a body of at most so many bytes; None for a larger one, of which another MiB is read away.

    Who is cut off while sending would never read the answer. Raises ProtocolClosed if not all of it came.
    """
    length = scope.headers.get("content-length")
    if length is not None and int(length) <= most:
        return await proto()
    parts: list[bytes] = []
    left, ends = most + MOST_READ_AWAY, 0
    async for part in proto:
        parts.append(part)
        left -= len(part)
        ends += not part
        if left <= 0:
            return None
    # Granian ends a whole body with one empty part, and one that was cut off with another, instead of an error.
    if ends > 1:
        raise ProtocolClosed
    body = b"".join(parts)
    return body if len(body) <= most else None
