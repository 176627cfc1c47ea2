"""The framing of streamed answers of the Lambda service: application/vnd.amazon.eventstream.

Source: AWS documentation, "Amazon Transcribe event stream encoding" (the same framing): lengths and
CRC-32 big endian; a header is its name's length and name, the type 7, its value's length and value.
"""

import struct
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def frame(event: str, payload: bytes, content_type: str = "application/octet-stream") -> bytes:
    """Return one event of this type."""
    headers = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in (
            (":message-type", "event"), (":event-type", event), (":content-type", content_type),
        )
    )  # fmt: skip
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))
