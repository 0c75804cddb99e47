"""How Kafka is reached: over TLS, and by name and password, where the environment says so.

Where the brokers are is passed around; how they are spoken to is one thing for a whole process.
"""

import ssl
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from careline_runtime.errors import Misconfigured
from careline_runtime.settings import ServiceSettings

_BY_MECHANISM: dict[str, type[SASLScram512 | SASLScram256 | SASLPlaintext]] = {
    "SCRAM-SHA-512": SASLScram512,
    "SCRAM-SHA-256": SASLScram256,
    "PLAIN": SASLPlaintext,
}


def client_options(bootstrap_servers: str) -> dict[str, Any]:
    """What every client of Kafka is made with; raises `Misconfigured`."""
    return {
        "bootstrap_servers": bootstrap_servers,
        **parse_security(security(ServiceSettings())),
    }


def security(settings: ServiceSettings) -> BaseSecurity | None:
    """What brokers ask for, None if nothing; raises `Misconfigured`."""
    if settings.kafka_security_protocol == "PLAINTEXT":
        return None
    trusted = _trusted(settings)
    if settings.kafka_security_protocol == "SSL":
        return BaseSecurity(ssl_context=trusted)
    return _BY_MECHANISM[settings.kafka_sasl_mechanism](
        settings.kafka_sasl_username,
        settings.kafka_sasl_password.get_secret_value(),
        ssl_context=trusted,
    )


def _trusted(settings: ServiceSettings) -> ssl.SSLContext:
    """Whom we believe to be the broker; the name in its certificate is checked, too."""
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_ca)
        if settings.kafka_ssl_certificate:
            context.load_cert_chain(settings.kafka_ssl_certificate, settings.kafka_ssl_key)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"certificates for Kafka can't be read: {error}") from error
    return context


def quiet_broker(settings: ServiceSettings, *, client_id: str) -> KafkaBroker:
    """FastStream's, of raw records, and without a log line for each."""
    return KafkaBroker(
        settings.kafka_bootstrap_servers,
        client_id=client_id,
        security=security(settings),
        apply_types=False,
        logger=None,
    )
