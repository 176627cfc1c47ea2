"""Message attributes of SQS and SNS into values."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def typed(attribute: "dict[str, Any]", kind: str, text: str, binary: str) -> "Any":
    """The value of a message attribute: bytes, int or float, a decoded `String.Array`, else str.

    The types are SQS's and SNS's (`Number.float` is a Number). A number of more digits than a float
    holds stays text.
    """
    named = str(attribute.get(kind) or "String")
    base = named.partition(".")[0]
    if base == "Binary":
        from binascii import Error, a2b_base64

        try:
            return a2b_base64(attribute.get(binary) or "")
        except Error:
            return attribute.get(binary)
    value = attribute.get(text)
    if base == "Number" and isinstance(value, str):
        return _number(value)
    if named == "String.Array" and isinstance(value, str):
        from polyfn.runtime import json

        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _number(text: str) -> int | float | str:
    if text.lstrip("+-").isdigit():
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if len(text.strip("+-").replace(".", "")) <= 15 else text
