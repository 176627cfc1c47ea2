"""Percent-decoding, as urllib.parse does it, whose import costs as much as starting the interpreter."""

_HEX = frozenset("0123456789abcdefABCDEF")


def unquote(text: str) -> str:
    """Decode `%XX` as UTF-8. What is no UTF-8 becomes U+FFFD, what is no escape stays as it is."""
    first, *rest = text.split("%")
    pieces = [first]
    # Bytes are decoded together as long as escapes follow one another: a character may take four.
    run = bytearray()
    for part in rest:
        escape, tail = part[:2], part[2:]
        if len(escape) == 2 and _HEX.issuperset(escape):
            run.append(int(escape, 16))
            literal = tail
        else:
            literal = "%" + part
        if literal:
            pieces.append(run.decode("utf-8", "replace"))
            pieces.append(literal)
            run.clear()
    pieces.append(run.decode("utf-8", "replace"))
    return "".join(pieces)


def pairs(query: str) -> "list[tuple[str, str]]":
    """Decode a query string into its pairs, in order. A parameter without a value has an empty one."""
    found = []
    for field in query.split("&"):
        if field:
            name, _, value = field.replace("+", " ").partition("=")
            found.append((unquote(name), unquote(value)))
    return found
