"""An emulator of the Azure Functions host that runs any custom handler: no Core Tools, no account.

    application, bindings, names,    the app as host.json and        dotnet, encoding, promotion,
      configuration, timespan          function.json describe it       decoding, http_value, http_output:
    command, environment, console,   the handler's process: start,     the envelope, to the byte
      host, texts                      probe, restarts, SIGKILL      invocation, outputs   one invocation
    front, routing, keys, headers    HTTP: proxied, forwarded, or    ncrontab, timers      schedules
      proxying, forwarding             in the envelope               account, wire, queues, blobs,
    event, emulator, journal         what `invoke` delivers            queue_poll, blob_poll   Azure Storage

It follows the contract of the host and knows nothing of polyfn's runtime.
"""

from polyfn_azure.emulator.emulator import FunctionsEmulator, emulate

__all__ = ["FunctionsEmulator", "emulate"]
