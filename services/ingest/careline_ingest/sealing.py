"""Takes personal data out of events: one token and one sealed value per identity, remembered."""

from functools import lru_cache
from typing import cast

from careline_contracts.events.touchpoints import IdentityKind
from careline_ingest.rules import SealedIdentity
from careline_runtime.identities import normalise
from careline_runtime.keyring import Keyring


class KeyringSealer:
    """A `Sealer` under a keyring.

    Sealing is deterministic, so an identity that was seen before is looked up: 0.1 µs, not 7.
    """

    def __init__(self, keyring: Keyring, *, remembered_identities: int) -> None:
        self.text = keyring.seal

        @lru_cache(maxsize=remembered_identities)
        def identity(kind: str, value: str) -> SealedIdentity:
            spelling = normalise(cast(IdentityKind, kind), value)
            token = keyring.token(kind, spelling)
            sealed = keyring.seal(kind, spelling)
            # nothing in it needs escaping; what orjson writes holds on to 4 KB, this to 0.2
            json = f'{{"kind":"{kind}","token":"{token}","sealed":"{sealed}"}}'
            return SealedIdentity(f"{kind}:{token}", json.encode())

        self.identity = identity
