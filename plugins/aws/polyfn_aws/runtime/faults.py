"""Errors in the form that Lambda takes: the JSON body, the error type and the X-Ray cause.

Imported when the first error is met, never before. traceback is not used: with linecache and
tokenize it costs more to import than a whole cold start.
"""

from _json import encode_basestring_ascii as quote

from polyfn.errors import ModuleLoadError, PolyfnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    #: Path, line number, function.
    Frame = tuple[str, int, str]

#: Lambda's own words for polyfn's errors. Its own runtimes use them, so alarms know them.
KINDS = {
    "ContextError": "Runtime.LambdaContextUnmarshalError",
    "ModuleConflictError": "Runtime.BuiltInModuleConflict",
    "FunctionNotFoundError": "Runtime.HandlerNotFound",
    "PayloadError": "Runtime.UnmarshalError",
    "ResultError": "Runtime.MarshalError",
    "TriggerMismatchError": "Runtime.UnmarshalError",
}
#: An error's text is cut here, so that an error can always be sent: 128 KiB.
MESSAGE_LIMIT = 1 << 17
#: Frames that are kept at the start and at the end of a long stack.
FIRST, LAST = 40, 120
#: Errors behind an error that are told with it in the log.
CAUSES = 8
#: RAPID crops the X-Ray cause to this anyway, and servers refuse headers of 1 MiB.
CAUSE_LIMIT = 60_000


class Fault:
    """One error as it is sent.

    `kind` goes into the error type header, `name` and `message` and `stack` into the body, which
    `body` is; `headers` are the header lines of /error.
    """

    __slots__ = ("cause", "error", "kind", "message", "name", "request_id")

    def __init__(self, error: BaseException, request_id: str) -> None:
        self.error = error
        self.request_id = request_id
        # A module that cannot be imported is described by what it raised.
        self.cause = error.__cause__ or error if isinstance(error, ModuleLoadError) else error
        self.name, self.kind = classify(error)
        self.message = message_of(error)

    @property
    def stack(self) -> "list[str]":
        """The stack in the form of `traceback.format_list`, polyfn's own frames left out."""
        if isinstance(self.cause, SyntaxError):
            where = f'  File "{self.cause.filename}", line {self.cause.lineno}\n'
            return [f"{where}    {(self.cause.text or '').strip()}\n"]
        return format_frames(frames(self.cause))

    @property
    def body(self) -> bytes:
        """The error as JSON, in the shape that the managed Python runtimes send."""
        stack = ",".join(map(quote, self.stack))
        return (
            f'{{"errorMessage":{quote(self.message)},"errorType":{quote(self.name)},'
            f'"requestId":{quote(self.request_id)},"stackTrace":[{stack}]}}'
        ).encode("ascii")

    @property
    def headers(self) -> bytes:
        """The header lines of /error: the error type and the X-Ray cause."""
        return (
            b"Lambda-Runtime-Function-Error-Type: %s\r\nLambda-Runtime-Function-XRay-Error-Cause: %s\r\n"
            % (self.kind.encode("ascii"), xray_cause(self))
        )


def describe(error: BaseException, request_id: str = "") -> Fault:
    """Describe an error; `request_id` is empty for one of initialisation."""
    return Fault(error, request_id)


def classify(error: BaseException) -> "tuple[str, str]":
    r"""Return the name of an error for its body and its type for the header.

    The name is the exception's class, or Lambda's own word for what is polyfn's to report. The
    type always matches `(Runtime|Function)\.[A-Z][a-zA-Z]+`, else Lambda drops it.
    """
    if isinstance(error, ModuleLoadError):
        cause = error.__cause__
        if isinstance(cause, SyntaxError):
            return "Runtime.UserCodeSyntaxError", "Runtime.UserCodeSyntaxError"
        if isinstance(cause, ImportError):
            return "Runtime.ImportModuleError", "Runtime.ImportModuleError"
        if cause is not None:
            return classify(cause)
    if isinstance(error, PolyfnError):
        names = [cls.__name__ for cls in type(error).__mro__]
        kind = next((KINDS[name] for name in names if name in KINDS), f"Runtime.{legal(names[0])}")
        return kind, kind
    name = type(error).__name__
    return name, f"Function.{legal(name)}"


def legal(name: str) -> str:
    """Make a class name fit `[A-Z][a-zA-Z]+`; `Unknown` if nothing of it does."""
    letters = "".join(letter for letter in name if letter.isascii() and letter.isalpha())
    return letters[:1].upper() + letters[1:] if len(letters) > 1 else "Unknown"


def message_of(error: BaseException) -> str:
    """The text of an error, with the hint and the code of one of polyfn's own."""
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001  the user's __str__ may be broken
        text = f"(its text cannot be had: {type(second).__name__})"
    if isinstance(error, PolyfnError):
        text = f"{text} [{error.code}]"
        if error.hint:
            text = f"{text}; {error.hint}"
    if len(text) > MESSAGE_LIMIT:
        text = f"{text[:MESSAGE_LIMIT]}... ({len(text)} characters)"
    return text


def causes(error: BaseException) -> "list[BaseException]":
    """What led to an error, nearest first: its chain as Python tells it, and the members of groups.

    At most CAUSES: an asyncio.TaskGroup says of itself no more than how many of its tasks failed.
    """
    found = [error]
    for current in found:
        above = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        members = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        for cause in (*members, above):
            if cause is not None and not any(cause is known for known in found):
                found.append(cause)
        if len(found) > CAUSES:
            break
    return found[1 : CAUSES + 1]


def frames(error: BaseException) -> "list[Frame]":
    """The frames of an error from the outermost to the innermost, the user's and libraries' alone.

    polyfn's own are left out, and so is what lies between it and the user's first frame: the
    event loop, the import system.
    """
    found = []
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        found.append((code.co_filename, entry.tb_lineno or 0, code.co_name))
        entry = entry.tb_next
    mine = _own_folders()
    start = 0
    while start < len(found) and _is_plumbing(found[start][0], mine):
        start += 1
    theirs = [frame for frame in found[start:] if not frame[0].startswith(mine)]
    if not theirs and not isinstance(error, PolyfnError):
        # A defect of polyfn itself: then its frames are what matters.
        return found
    return theirs


def _own_folders() -> "tuple[str, ...]":
    import polyfn
    import polyfn_aws

    return tuple(str(module.__file__).rpartition("/")[0] + "/" for module in (polyfn, polyfn_aws))


def _is_plumbing(path: str, mine: "tuple[str, ...]") -> bool:
    return path.startswith((*mine, "<frozen importlib")) or "/asyncio/" in path


def format_frames(stack: "list[Frame]") -> "list[str]":
    """Write frames as `traceback.format_list` does, the middle of a very long stack left out."""
    sources: dict[str, list[bytes]] = {}
    lines = []
    for index, (path, line, name) in enumerate(stack):
        if len(stack) > FIRST + LAST and FIRST <= index < len(stack) - LAST:
            if index == FIRST:
                lines.append(f"  ... {len(stack) - FIRST - LAST} frames left out ...\n")
            continue
        source = source_line(path, line, sources)
        lines.append(f'  File "{path}", line {line}, in {name}\n' + (f"    {source}\n" if source else ""))
    return lines


def source_line(path: str, line: int, sources: "dict[str, list[bytes]]") -> str:
    """The line of code, or nothing if the file cannot be read. `sources` keeps files already read."""
    if path not in sources:
        try:
            with open(path, "rb") as file:
                sources[path] = file.read().splitlines()
        except (OSError, ValueError):
            sources[path] = []
    known = sources[path]
    return str(known[line - 1], "utf-8", "replace").strip()[:500] if 0 < line <= len(known) else ""


def xray_cause(fault: Fault) -> bytes:
    """The error as X-Ray wants it: one line of ASCII JSON, cropped to CAUSE_LIMIT bytes."""
    kind = "LambdaValidationError" if isinstance(fault.error, PolyfnError) else fault.name
    stack = frames(fault.cause)
    message = fault.message
    for kept in (160, 40, 8, 0):
        cause = _cause(kind, message, stack[len(stack) - kept :] if kept < len(stack) else stack)
        if len(cause) <= CAUSE_LIMIT:
            break
        message = message[:2000]
    return cause if len(cause) <= CAUSE_LIMIT else _cause("Unknown", "", [])


def _cause(kind: str, message: str, stack: "list[Frame]") -> bytes:
    from posix import getcwd

    try:
        folder = getcwd()
    except OSError:
        folder = ""
    entries = ",".join(
        f'{{"path":{quote(path)},"line":{line},"label":{quote(name)}}}' for path, line, name in stack
    )
    paths = ",".join(quote(path) for path in dict.fromkeys(frame[0] for frame in stack))
    return (
        f'{{"working_directory":{quote(folder)},"exceptions":[{{"type":{quote(kind)},'
        f'"message":{quote(message)},"stack":[{entries}]}}],"paths":[{paths}]}}'
    ).encode("ascii")
