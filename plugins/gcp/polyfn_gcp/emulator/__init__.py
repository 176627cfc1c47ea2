"""An emulator of Cloud Run that runs the finished image: no Docker, no account.

    image           the unpacked image and its command      front, forwarding, limits,
    configuration   the service as the platform knows it      record: HTTP in and out
    environment     the variables that it is given          trace           traceparent, X-Cloud-Trace-Context
    launch          the process, in a sandbox or not        event, senders, delivery: what `invoke` sends
    instance        start, freeze, memory, SIGTERM          job             tasks that run to their end
    revision        who is served by which instance         texts           the platform's own log lines

It follows the contract of the platform and knows nothing of polyfn's runtime: any container runs.
"""

from polyfn_gcp.emulator.emulator import CloudRunEmulator, emulate

__all__ = ["CloudRunEmulator", "emulate"]
