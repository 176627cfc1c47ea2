"""polyfn's own log lines, and the moment at which a function's logging is set up.

Bodies, headers and results are never passed here: what a function is given and gives is its users'
data. A provider replaces `sink` with one that writes in its platform's format.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any


def to_stderr(level: str, message: str, error: BaseException | None, fields: "dict[str, Any]") -> None:
    """Write one plain text line to standard error, and the traceback of `error` if there is one."""
    facts = "".join(f" {name}={value}" for name, value in fields.items() if value is not None)
    text = f"[{level}] {message}{facts}"
    if error is not None:
        import traceback

        text += "\n" + "".join(traceback.format_exception(error)).rstrip("\n")
    if sys.stderr is not None:
        sys.stderr.write(text + "\n")


#: Where `report` writes: called with level, message, error or None, and the fields.
sink: "Callable[[str, str, BaseException | None, dict[str, Any]], None]" = to_stderr


def report(level: str, message: str, *, error: BaseException | None = None, **fields: "Any") -> None:
    """Write one of polyfn's own log lines: `level` is DEBUG, INFO, WARNING, ERROR or CRITICAL."""
    sink(level, message, error, fields)


def when_logging_is_imported(configure: "Callable[[], None]") -> None:
    """Run `configure` as soon as the standard library's logging is imported, or now if it is.

    Logging costs several milliseconds to import, so a function that never uses it must not pay;
    one that does must find it ready before its first record.
    """
    if "logging" in sys.modules:
        configure()
        return
    sys.meta_path.insert(0, _LoggingFinder(configure))


class _LoggingFinder:
    """A finder that lets the others find `logging`, and configures it right after its import."""

    def __init__(self, configure: "Callable[[], None]") -> None:
        self._configure = configure

    def find_spec(self, name: str, path: "Any" = None, target: "ModuleType | None" = None) -> "Any":
        if name != "logging":
            return None
        # A new list, since the import system is iterating over the old one.
        sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _ConfiguringLoader(spec.loader, self._configure)  # type: ignore[assignment]
                return spec
        return None


class _ConfiguringLoader:
    """A loader that hands everything to the real one and runs `configure` afterwards."""

    def __init__(self, loader: "Any", configure: "Callable[[], None]") -> None:
        self._loader = loader
        self._configure = configure

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)

    def create_module(self, spec: "Any") -> "Any":
        return self._loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        # Later readers of the module's loader (inspect, linecache) are to see the real one.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._configure()
