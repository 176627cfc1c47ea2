"""From a bundle's start script to the declared function that this process serves."""

import sys

from polyfn.errors import FunctionNotFoundError, ModuleLoadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration


def choose(start: "dict[str, Any]", wanted: str | None) -> str:
    """Choose the function's name: the one that is wanted, else the default, else the only one.

    `wanted` is the platform's handler setting. A setting that names none of the functions is
    ignored where there is no choice, since platforms insist on one that means nothing here.
    Raises FunctionNotFoundError where it leaves a choice open.
    """
    functions: dict[str, str] = start["functions"]
    if wanted and wanted in functions:
        return wanted
    default: str | None = start.get("default")
    if default is not None:
        return default
    if len(functions) == 1:
        return next(iter(functions))
    names = ", ".join(sorted(functions))
    raise FunctionNotFoundError(
        f"the handler setting {wanted!r} names no function of this artifact; expected one of: {names}",
        hint="set the platform's handler setting to the name of the function that this deployment serves",
    )


def load(start: "dict[str, Any]", name: str) -> "Declaration":
    """Import the module of the function `name` and return its declaration.

    Raises ModuleLoadError with the module's exception as its cause, and FunctionNotFoundError if
    the module no longer declares the function.
    """
    module: str = start["functions"][name]
    try:
        __import__(module)
    except Exception as error:
        raise ModuleLoadError(
            f"the module {module!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    from polyfn.functions import declared

    declaration = declared.get(name)
    if declaration is None:
        raise FunctionNotFoundError(
            f"the module {module!r} declares no function {name!r}; it declares: "
            f"{', '.join(sorted(declared)) or 'none'}",
            hint=f"was {sys.modules[module].__file__} changed after it was packaged?",
        )
    return declaration
