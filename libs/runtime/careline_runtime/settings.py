"""What a service takes from its environment, typed; `for_service` names the service's own."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from careline_runtime.errors import Misconfigured

PER_SERVICE = ("database_url", "http_port")
"""Fields that `<NAME>_<SERVICE>` sets for one service, before `<NAME>` for any."""


class ServiceSettings(BaseSettings):
    """Environment names are the field names in upper case, unless an alias says otherwise."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, use_attribute_docstrings=True
    )

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    """Brokers to begin with, `host:port,host:port`."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    """How brokers are spoken to; the last two are TLS, and who signs is checked, and the name."""
    kafka_ssl_ca: Path | None = None
    """Who may sign the brokers' certificates (PEM); empty: whom the system trusts."""
    kafka_ssl_certificate: Path | None = None
    """Our own certificate (PEM), for brokers that ask for one."""
    kafka_ssl_key: Path | None = None
    """Its key, where it is in a file of its own."""
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    """How `SASL_SSL` says who we are."""
    kafka_sasl_username: str = ""
    """The name for it."""
    kafka_sasl_password: SecretStr = SecretStr("")
    """The password for it."""
    database_url: str = ""
    """`postgresql://…`; ingest has none. `?sslmode=verify-full&sslrootcert=…` is TLS."""
    valkey_url: str = "redis://127.0.0.1:6379/0"
    """Where ingest remembers for some minutes what it has taken, and profile keeps hot cards;
    `rediss://…?ssl_ca_certs=…` is TLS."""
    http_host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a container."""
    http_port: int = 8080
    """Port for health, metrics, status and the API."""
    http_tls_certificate: Path | None = None
    """Chain of certificates (PEM): with it the port speaks HTTPS only."""
    http_tls_key: Path | None = None
    """Its key, where it is in a file of its own."""
    clock: Literal["system", "replay"] = Field("system", alias="CARELINE_CLOCK")
    """`replay` stands at the last tick on `careline.clock.v1`."""
    policies: Path | None = Field(None, alias="CARELINE_POLICIES")
    """Directory of policy files that replace the services' own."""
    keyring: Path | None = Field(None, alias="CARELINE_KEYRING")
    """The key file of tokens and seals; only ingest and profile need it."""
    anonymous: Literal["refuse", "accept"] = Field("refuse", alias="CARELINE_ANONYMOUS")
    """Whether events are taken without a key, and reads without personal values answered without a
    token; the local stack, which listens on loopback only, says `accept`."""
    oidc_issuer: str = Field("", alias="CARELINE_OIDC_ISSUER")
    """Whose bearer tokens count, as their `iss` says; empty: those of `careline token`."""
    oidc_jwks_url: str = Field("", alias="CARELINE_OIDC_JWKS_URL")
    """Where the issuer's public keys are; empty: where its OIDC discovery says."""
    oidc_audience: str = Field("careline", alias="CARELINE_OIDC_AUDIENCE")
    """The `aud` that a token must have."""
    oidc_roles_claim: str = Field("roles", alias="CARELINE_OIDC_ROLES_CLAIM")
    """Where a token holds its roles; dots lead into objects, as in `realm_access.roles`."""
    local_issuer: Path | None = Field(None, alias="CARELINE_LOCAL_ISSUER")
    """File of the public keys of `careline token`, used where there is no other issuer."""
    log_format: Literal["json", "console"] = Field("json", alias="CARELINE_LOG_FORMAT")
    """Lines for machines or for people."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="CARELINE_LOG_LEVEL"
    )
    """The least that is written."""
    instance: str | None = Field(None, alias="CARELINE_INSTANCE")
    """A name that outlives a restart: Kafka then hands the partitions back at once (KIP-345)."""

    batch_max_records: int = Field(1_250, alias="CARELINE_BATCH_MAX_RECORDS", ge=1, le=20_000)
    """The most events in one unit of work."""
    attempts: int = Field(3, alias="CARELINE_ATTEMPTS", ge=1)
    """Tries of a record that fails alone before it becomes a dead letter."""
    dead_letters_in_a_row: int = Field(1_000, alias="CARELINE_DEAD_LETTERS_IN_A_ROW", ge=1)
    """More than this without one good record stops the service: something else is wrong."""
    stalled_seconds: int = Field(60, alias="CARELINE_STALLED_SECONDS", ge=10)
    """Lag without progress for this long ends the process, so that its supervisor restarts it."""

    @classmethod
    def for_service(cls, service: str) -> Self:
        """The settings of `service`; raises `Misconfigured` with the names of what is wrong."""
        own = {
            name: value
            for name in PER_SERVICE
            if (value := os.environ.get(f"{name.upper()}_{service.upper()}"))
        }
        try:
            return cls.model_validate({**cls().model_dump(by_alias=False), **own})
        except ValidationError as error:
            wrong = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
            raise Misconfigured(f"environment of {service}: {wrong}") from error
