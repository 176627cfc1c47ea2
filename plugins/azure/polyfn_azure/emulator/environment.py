"""The environment of a handler: the app settings and what the host adds, nothing of this machine."""

from collections.abc import Mapping
from pathlib import Path

from polyfn.toolchain.errors import UsageError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What the host sets for every start, whatever the app settings say.
OWN = (
    "FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT", "FUNCTIONS_CUSTOMHANDLER_WORKER_ID",
    "FUNCTIONS_HTTPWORKER_ID", "FUNCTIONS_APP_ROOT_PATH",
)  # fmt: skip


def environment(settings: Mapping[str, str], root: Path, *, port: int, worker: str) -> dict[str, str]:
    """Return the variables of one start. `worker` is the id of the process that is to be."""
    return {
        "PATH": PATH,
        "HOME": "/home",
        "LANG": "C.UTF-8",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "FUNCTIONS_EXTENSION_VERSION": "~4",
        "FUNCTIONS_WORKER_RUNTIME": "custom",
        **settings,
        "FUNCTIONS_CUSTOMHANDLER_PORT": str(port),
        "FUNCTIONS_HTTPWORKER_PORT": str(port),
        "FUNCTIONS_CUSTOMHANDLER_WORKER_ID": worker,
        "FUNCTIONS_HTTPWORKER_ID": worker,
        "FUNCTIONS_APP_ROOT_PATH": str(root),
    }


def refuse_reserved(settings: Mapping[str, str]) -> None:
    """Raise UsageError for an app setting that the host sets itself."""
    for name in OWN:
        if name in settings:
            raise UsageError(f"the app setting {name} is the host's own", hint="leave it out of --env")
