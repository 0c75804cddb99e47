"""Takes personal data out of events: one token and one sealed value per identity, remembered."""

from functools import lru_cache
from typing import cast

from careline_contracts.events.touchpoints import IdentityKind
from careline_ingest.rules import SealedIdentity
from careline_runtime.identities import normalise
from careline_runtime.keyring import Keyring


class KeyringSealer:
    """A `Sealer` under a keyring.

    Sealing is deterministic, so an identity that was seen before is looked up: 0.5 µs, not 7.
    """

    def __init__(self, keyring: Keyring, *, remembered_identities: int) -> None:
        self.text = keyring.seal

        @lru_cache(maxsize=remembered_identities)
        def sealed_under(_: str, kind: str, value: str) -> SealedIdentity:
            spelling = normalise(cast(IdentityKind, kind), value)
            token = keyring.token(kind, spelling)
            sealed = keyring.seal(kind, spelling)
            # nothing in it needs escaping; what orjson writes holds on to 4 KB, this to 0.2
            json = f'{{"kind":"{kind}","token":"{token}","sealed":"{sealed}"}}'
            return SealedIdentity(f"{kind}:{token}", json.encode())

        # what another key sealed is not looked up any more, and is forgotten as others come
        self.identity = lambda kind, value: sealed_under(keyring.current_id, kind, value)
