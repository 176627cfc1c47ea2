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
    # Some platforms want a module in front of the name: `handler.hello`.
    named = wanted.rpartition(".")[2] if wanted else ""
    if named in functions:
        return named
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
    except (Exception, SystemExit) as error:
        # SystemExit as well: a script's `sys.exit(main())` must not look like an orderly end.
        raise ModuleLoadError(
            f"the module {module!r} cannot be imported: {type(error).__name__}: {error}",
            hint=_advice(error, module),
        ) from error
    from polyfn.functions import declared

    declaration = declared.get(name)
    if declaration is None:
        raise FunctionNotFoundError(
            f"the module {module!r} declares no function {name!r}; it declares: "
            f"{', '.join(sorted(declared)) or 'none'}",
            hint=f"was {getattr(sys.modules[module], '__file__', module)} changed after it was packaged?",
        )
    return declaration


def _advice(error: BaseException, module: str) -> str | None:
    if isinstance(error, SystemExit):
        return "guard what the module does as a script with: if __name__ == '__main__':"
    if isinstance(error, ModuleNotFoundError) and error.name and not module.startswith(error.name):
        return f"add what provides {error.name!r} to the project's dependencies and package it again"
    return None
