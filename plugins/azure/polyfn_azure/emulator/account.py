"""Storage accounts, from connection strings."""

from collections.abc import Mapping
from dataclasses import dataclass

from polyfn.toolchain.errors import UsageError
from polyfn_azure.emulator.bindings import Binding
from polyfn_azure.emulator.names import connection

#: Azurite's account, which everybody knows (github.com/Azure/Azurite).
_NAME = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_HINT = "such as UseDevelopmentStorage=true, or the string that the portal shows under Access keys"


@dataclass(frozen=True)
class Account:
    """An account. `key` is base64, or empty where `signature`, a query, is used."""

    name: str
    key: str
    blobs: str
    queues: str
    signature: str = ""


class Accounts:
    """The accounts that an app's bindings name. A connection is read once."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._known: dict[str, Account | None] = {}

    def of(self, binding: Binding) -> Account | None:
        """Return a binding's account, None if its connection is not configured. Raises UsageError."""
        name = binding.text("connection")
        if name not in self._known:
            told = connection(name, self._settings)
            self._known[name] = account(name or "AzureWebJobsStorage", told) if told else None
        return self._known[name]


def account(setting: str, told: str) -> Account:
    """Read a connection string. Raises UsageError."""
    pairs = [part.partition("=") for part in told.split(";") if part.strip()]
    values = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if values.get("usedevelopmentstorage", "").lower() == "true":
        host = values.get("developmentstorageproxyuri", "http://127.0.0.1").rstrip("/")
        return Account(_NAME, _KEY, f"{host}:10000/{_NAME}", f"{host}:10001/{_NAME}")
    name, key = values.get("accountname", ""), values.get("accountkey", "")
    signature = values.get("sharedaccesssignature", "").lstrip("?")
    protocol, suffix = values.get("defaultendpointsprotocol", "https"), values.get("endpointsuffix")
    usual = f"{protocol}://{name}.{{}}.{suffix or 'core.windows.net'}" if name else ""
    blobs = values.get("blobendpoint") or usual.format("blob")
    queues = values.get("queueendpoint") or usual.format("queue")
    if not (blobs or queues) or not (signature or (name and key)):
        raise UsageError(
            f"the app setting {setting} is no connection string of a storage account", hint=_HINT
        )
    return Account(name, key, blobs.rstrip("/"), queues.rstrip("/"), signature)
