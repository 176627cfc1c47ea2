"""What invokes functions by itself while the emulator runs: timers, queues, blobs."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from polyfn_azure.emulator import facts
from polyfn_azure.emulator.account import Accounts
from polyfn_azure.emulator.bindings import Binding, Function
from polyfn_azure.emulator.blob_poll import BlobPoll
from polyfn_azure.emulator.blobs import Blob, Blobs
from polyfn_azure.emulator.configuration import Configuration
from polyfn_azure.emulator.encoding import encode, envelope, metadata
from polyfn_azure.emulator.invocation import Invoker
from polyfn_azure.emulator.queue_poll import QueuePoll, queue_settings
from polyfn_azure.emulator.queues import Message, Queues
from polyfn_azure.emulator.timers import Timer

#: Triggers that nothing on this machine can feed.
_UNFED = "servicebustrigger", "eventhubtrigger", "cosmosdbtrigger", "eventgridtrigger", "kafkatrigger"


class Triggers:
    """The sources of an app. Raises EmulationError for one that cannot work."""

    def __init__(
        self, configuration: Configuration, accounts: Accounts, invoker: Invoker, log: Callable[[str], None]
    ) -> None:
        self._configuration, self._accounts = configuration, accounts
        self._invoker, self._log = invoker, log
        self._settings = queue_settings(configuration.application)
        self._timers = [self._timer(each) for each in self._of("timertrigger")]

    def _of(self, *kinds: str) -> list[Function]:
        return [each for each in self._configuration.application.functions if each.trigger.type in kinds]

    def _timer(self, function: Function) -> Timer:
        zone = self._configuration.settings.get("WEBSITE_TIME_ZONE", "")
        return Timer(function, self._on_timer, self._log, zone)

    def sources(self) -> list[Coroutine[Any, Any, None]]:
        """Return what is to run for as long as the emulator does, and tell what cannot be fed."""
        work = [timer.forever() for timer in self._timers]
        work += [self._queue(each) for each in self._of("queuetrigger") if self._reached(each)]
        work += [self._blob(each) for each in self._of("blobtrigger") if self._reached(each)]
        for function in self._of(*_UNFED):
            self._log(
                f"polyfn: nothing here feeds {function.name} ({function.trigger.type}): "
                "polyfn invoke delivers one event to it"
            )
        return work

    def _reached(self, function: Function) -> bool:
        if self._accounts.of(function.trigger) is not None:
            return True
        name = function.trigger.text("connection") or "AzureWebJobsStorage"
        what = function.trigger.text("queueName") or function.trigger.text("path")
        self._log(
            f"polyfn: {what} is not polled for {function.name}: add --env {name}=UseDevelopmentStorage=true, "
            "with Azurite running (npx azurite)"
        )
        return False

    def _queues(self, binding: Binding) -> Queues:
        account = self._accounts.of(binding)
        assert account is not None
        return Queues(account, encoded=self._settings.encoded)

    def _queue(self, function: Function) -> Coroutine[Any, Any, None]:
        queues, longest = self._queues(function.trigger), self._configuration.poll
        return QueuePoll(function, queues, self._settings, self._on_message, self._log, longest).forever()

    def _blob(self, function: Function) -> Coroutine[Any, Any, None]:
        account = self._accounts.of(function.trigger)
        assert account is not None
        queues = self._queues(function.trigger)
        poll = BlobPoll(function, Blobs(account), queues, self._on_blob, self._log, self._configuration.poll)
        return poll.forever()

    async def _on_timer(self, function: Function, value: dict[str, Any]) -> bool:
        """Run a timer, and again as function.json's retry says."""
        retries, context = 0, None
        while True:
            told = metadata({**facts.system(function.name), "RetryContext": context})
            body = envelope({function.trigger.name: value}, told)
            reason = (
                f"Timer fired at {value['ScheduleStatus']['Next'] if value['ScheduleStatus'] else 'its time'}"
            )
            outcome = await self._invoker.run(function, body, reason)
            policy = function.retry
            if outcome.error is None or policy is None or 0 <= policy.count <= retries:
                return outcome.error is None
            retries += 1
            context = {
                "RetryCount": retries,
                "MaxRetryCount": policy.count,
                "Exception": {"ClassName": "System.Net.Http.HttpRequestException", "Message": outcome.error},
            }
            await asyncio.sleep(policy.pause(retries))

    async def _on_message(self, function: Function, message: Message, body: bytes) -> bool:
        text = body.decode("utf-8", "replace")
        # Only what arrives as text is looked through for fields.
        plain = function.trigger.data_type != "binary" and not function.trigger.deferred
        told = metadata(facts.of_queue(function.name, message, text), text if plain else None)
        value = _value(function.trigger, body, "AzureStorageQueues", facts.queue_reference(message))
        reason = f"New queue message detected on '{function.trigger.text('queueName')}'."
        outcome = await self._invoker.run(function, envelope({function.trigger.name: value}, told), reason)
        return outcome.error is None

    async def _on_blob(
        self,
        function: Function,
        blob: Blob,
        path: str,
        content: bytes,
        own: dict[str, str],
        params: dict[str, str],
    ) -> bool:
        account = self._accounts.of(function.trigger)
        assert account is not None
        known = facts.of_blob(function.name, Blobs(account).url(path), blob.properties(), own, params)
        # Only what arrives as text is looked through for fields.
        text = None
        if function.trigger.data_type != "binary" and not function.trigger.deferred:
            text = content.decode("utf-8-sig", "replace")
        name = function.trigger.text("connection") or "AzureWebJobsStorage"
        value = _value(function.trigger, content, "AzureStorageBlobs", facts.blob_reference(name, path))
        body = envelope({function.trigger.name: value}, metadata(known, text))
        outcome = await self._invoker.run(function, body, f"New blob detected: {path}")
        return outcome.error is None


def _value(trigger: Binding, body: bytes, source: str, reference: Mapping[str, Any]) -> Any:
    """Return the trigger's value: a reference, base64, or text in a string."""
    if trigger.deferred:
        return facts.deferred(source, reference)
    return encode(body if trigger.data_type == "binary" else body.decode("utf-8-sig", "replace"))
