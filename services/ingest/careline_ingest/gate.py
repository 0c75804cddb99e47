"""Who is at the door: a request's key or signature says which channel system sends it.

A key that is given must be right, also where requests without a key are taken.
"""

from collections.abc import Callable, Iterator, Mapping

import structlog
from pydantic import ValidationError

from careline_contracts.events.operations import ChannelKey, ChannelRegistered
from careline_contracts.signature import (
    ID_HEADER,
    NAME_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    is_signed,
)
from careline_ingest.senders import ANONYMOUS, Sender, sender_of
from careline_runtime.channel_keys import is_valid, opens, signing_secret, split_bearer_key
from careline_runtime.clock import Now
from careline_runtime.keyring import CannotOpen, Keyring

log = structlog.get_logger(__name__)

Headers = Mapping[str, str]
Claim = Callable[[bytes], Sender]
"""Takes the request's body and says who sent it; raises `NotLetIn`."""


class NotLetIn(Exception):
    """The request doesn't prove who sends it; `code` says why, for machines."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Registry:
    """The channel systems as `careline.channels.v1` has them."""

    def __init__(self) -> None:
        self._channels: dict[str, ChannelRegistered] = {}
        self._by_key: dict[str, tuple[ChannelRegistered, ChannelKey]] = {}

    def hear(self, name: str, value: bytes | None) -> None:
        """Takes a record of the topic; one that can't be read revokes, as it may have meant to."""
        self._channels.pop(name, None)
        if value is not None:
            try:
                self._channels[name] = ChannelRegistered.parse(value)
            except ValidationError as error:
                log.error("channel.unreadable", name=name[:64], flaws=error.error_count())
        self._by_key = {
            key.id: (channel, key)
            for channel in self._channels.values()
            for key in channel.keys
            if key.kind == "bearer"
        }

    def of_key(self, id: str) -> tuple[ChannelRegistered, ChannelKey] | None:
        """The channel system that has the bearer key with this id, and the key."""
        return self._by_key.get(id)

    def named(self, name: str) -> ChannelRegistered | None:
        """The channel system with this name."""
        return self._channels.get(name)


class Gate:
    """Lets channel systems in by their keys."""

    def __init__(
        self,
        registry: Registry,
        *,
        keyring: Keyring,
        now: Now,
        takes_anonymous: bool,
        tolerance_seconds: int,
    ) -> None:
        self._registry = registry
        self._keyring = keyring
        self._now = now
        self._takes_anonymous = takes_anonymous
        self._tolerance_seconds = tolerance_seconds

    def claim(self, headers: Headers, *, is_signable: bool) -> Claim:
        """What the headers say about the sender; raises `NotLetIn` before the body is read.

        `is_signable`: all that matters is in the body, as in structured mode and in batches.
        """
        if SIGNATURE_HEADER in headers:
            return self._signed(headers, is_signable=is_signable)
        authorization = headers.get("authorization")
        if authorization is not None:
            sender = self._bearer(authorization)
        elif self._takes_anonymous:
            sender = ANONYMOUS
        else:
            raise NotLetIn("missing_key", "send Authorization: Bearer KEY, or sign the request")
        return lambda body: sender

    def _bearer(self, authorization: str) -> Sender:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotLetIn("invalid_key", "the header must be Authorization: Bearer KEY")
        id, secret = split_bearer_key(text.strip()) or ("", "")
        found = self._registry.of_key(id)
        if found is None or not opens(found[1], secret, at=self._now()):
            raise NotLetIn("invalid_key", "the key is unknown, revoked or expired")
        return sender_of(found[0])

    def _signed(self, headers: Headers, *, is_signable: bool) -> Claim:
        if not is_signable:
            raise NotLetIn(
                "not_signable", "a signature covers the body only: use structured mode or a batch"
            )
        id, sent_at = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
        if not id or not (sent_at.isascii() and sent_at.isdecimal() and len(sent_at) <= 12):
            raise NotLetIn("invalid_signature", f"{ID_HEADER} and {TIMESTAMP_HEADER} are needed")
        timestamp = int(sent_at)
        if abs(self._now().timestamp() - timestamp) > self._tolerance_seconds:
            words = f"{TIMESTAMP_HEADER} is more than {self._tolerance_seconds} s from now"
            raise NotLetIn("stale_signature", words)
        channel = self._registry.named(headers.get(NAME_HEADER, ""))

        def proven(body: bytes) -> Sender:
            secrets = list(self._secrets(channel)) if channel else []
            signatures = headers[SIGNATURE_HEADER]
            if channel is None or not is_signed(
                secrets, signatures, id=id, timestamp=timestamp, body=body
            ):
                words = f"no valid secret of the channel system in {NAME_HEADER} made the signature"
                raise NotLetIn("invalid_signature", words)
            return sender_of(channel)

        return proven

    def _secrets(self, channel: ChannelRegistered) -> Iterator[str]:
        for key in channel.keys:
            if key.kind == "signature" and is_valid(key, at=self._now()):
                try:
                    yield signing_secret(key, self._keyring)
                except CannotOpen as error:
                    log.error("channel.secret_sealed", name=channel.name, error=str(error))
