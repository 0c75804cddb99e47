"""TLS in transit (REC-7): what settings ask for is encrypted, and no stranger is believed.

The servers prove it: Kafka over SASL_SSL, and ports of PostgreSQL and Valkey that speak TLS only.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from aiokafka.errors import KafkaConnectionError
from cryptography.hazmat.primitives import serialization
from fastapi import FastAPI
from faststream.kafka.security import parse_security
from sqlalchemy import make_url, text

from careline_contracts.envelope import Record
from careline_contracts.topics import CLOCK
from careline_localstack import LocalStack
from careline_localstack.kafka import Kafka
from careline_localstack.ports import LOOPBACK
from careline_runtime.database import create_engine
from careline_runtime.errors import Misconfigured
from careline_runtime.http import create_server
from careline_runtime.kafka_access import security
from careline_runtime.publisher import Publisher
from careline_runtime.settings import ServiceSettings
from careline_runtime.setup import create_topics
from careline_runtime.state_topic import StateTopic
from careline_runtime.valkey import Valkey


class Certificates:
    """Who signs, what the servers show, and somebody else whom nobody should believe."""

    def __init__(self, directory: Path) -> None:
        authority, stranger = trustme.CA(), trustme.CA()
        leaf = authority.issue_cert("localhost", LOOPBACK)
        self.authority, self.stranger = directory / "authority.pem", directory / "stranger.pem"
        self.chain, self.key = directory / "chain.pem", directory / "key.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        stranger.cert_pem.write_to_path(str(self.stranger))
        self.chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
        # what Java reads
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    @property
    def server_side(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@contextlib.asynccontextmanager
async def only_tls(port: int, certificates: Certificates, *, asks: bool) -> AsyncIterator[int]:
    """A port that speaks TLS and passes on to `port`; PostgreSQL's clients ask for it first."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if asks:
                await reader.readexactly(8)
                writer.write(b"S")
                await writer.start_tls(certificates.server_side)
            behind = await asyncio.open_connection(LOOPBACK, port)
            await asyncio.gather(_pass_on(reader, behind[1]), _pass_on(behind[0], writer))

    context = None if asks else certificates.server_side
    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
    writer.close()


@pytest.mark.stack
async def test_postgresql_over_tls_and_no_other_authority_is_believed(
    admin_url: str, certificates: Certificates
) -> None:
    port = make_url(admin_url).port
    assert port
    async with only_tls(port, certificates, asks=True) as tls_port:
        address = make_url(admin_url).set(host="localhost", port=tls_port)

        async def answers(authority: Path) -> bool:
            url = address.set(query={"sslmode": "verify-full", "sslrootcert": str(authority)})
            engine = create_engine(url.render_as_string(hide_password=False), service="test")
            try:
                async with engine.connect() as connection:
                    return bool((await connection.execute(text("SELECT true"))).scalar())
            finally:
                await engine.dispose()

        assert await answers(certificates.authority)
        with pytest.raises(ssl.SSLCertVerificationError):
            await answers(certificates.stranger)


@pytest.mark.stack
async def test_valkey_over_tls_and_no_other_authority_is_believed(
    stack: LocalStack, certificates: Certificates
) -> None:
    async with only_tls(stack.valkey.port, certificates, asks=False) as port:

        async def answers(authority: Path) -> bool | None:
            url = f"rediss://localhost:{port}/0?ssl_ca_certs={authority}"
            valkey = Valkey(url, timeout_milliseconds=2_000, pause_seconds=0)
            try:
                return await valkey.attempt(valkey.client.ping)
            finally:
                await valkey.close()

        assert await answers(certificates.authority)
        assert await answers(certificates.stranger) is None


async def test_a_service_with_a_certificate_speaks_https_only(certificates: Certificates) -> None:
    app = FastAPI()
    app.get("/health/live")(lambda: "live")
    settings = ServiceSettings(
        http_tls_certificate=certificates.chain, http_tls_key=certificates.key
    )
    listening = socket.create_server((LOOPBACK, 0))
    address = f"localhost:{listening.getsockname()[1]}"
    server = create_server(app, settings)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    trusted = ssl.create_default_context(cafile=certificates.authority)
    async with httpx.AsyncClient(verify=trusted) as client:
        answer = await client.get(f"https://{address}/health/live")
        assert answer.json() == "live"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"http://{address}/health/live")
    server.should_exit = True
    await serving


class KafkaOverTls(Kafka):
    """The local stack's broker with one more listener, for whoever has a name and a password."""

    certificates: Certificates

    @property
    def tls_port(self) -> int:
        return self.home.port("kafka-tls", variable="CARELINE_KAFKA_TLS_PORT")

    def _settings(self) -> str:
        keystore = self.home.run / "keystore.pem"
        keystore.write_bytes(
            self.certificates.key.read_bytes() + self.certificates.chain.read_bytes()
        )
        login = "org.apache.kafka.common.security.plain.PlainLoginModule"
        settings = {
            "listeners": (
                f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self.controller_port}"
                f",SASL_SSL://{LOOPBACK}:{self.tls_port}"
            ),
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore),
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'{login} required user_careline="open sesame";'
            ),
        }
        return super()._settings() + "".join(f"{n}={value}\n" for n, value in settings.items())


@pytest.fixture
def kafka_over_tls(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of such a broker, which the environment knows how to speak to."""
    stack = LocalStack(tmp_path, environment={})
    stack.home.open()
    kafka = KafkaOverTls(stack.home, cache=stack.cache)
    kafka.certificates = certificates
    kafka.start()
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SSL_CA", str(certificates.authority))
    monkeypatch.setenv("KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "careline")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "open sesame")
    yield f"{LOOPBACK}:{kafka.tls_port}"
    kafka.stop()


@pytest.mark.stack
async def test_kafka_over_tls_with_a_name_and_no_other_authority_is_believed(
    kafka_over_tls: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_topics(kafka_over_tls, replication=1)
    publisher = Publisher(kafka_over_tls, client_id="test")
    await publisher.publish([Record(CLOCK.name, "clock", [], b"noon")])
    await publisher.stop()
    heard: list[tuple[str, bytes | None]] = []
    topic = StateTopic(kafka_over_tls, CLOCK, lambda key, value: heard.append((key, value)))
    await topic.start()
    await topic.stop()
    assert heard == [("clock", b"noon")]
    for name, value in (
        ("KAFKA_SASL_PASSWORD", "open barley"),
        ("KAFKA_SSL_CA", str(certificates.stranger)),
    ):
        monkeypatch.setenv(name, value)
        with pytest.raises(KafkaConnectionError):
            await Publisher(kafka_over_tls, client_id="test").start()


@pytest.mark.parametrize(
    ("given", "protocol", "mechanism"),
    [
        ({}, None, None),
        ({"kafka_security_protocol": "SSL"}, "SSL", None),
        ({"kafka_security_protocol": "SASL_SSL"}, "SASL_SSL", "SCRAM-SHA-512"),
        (
            {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "SCRAM-SHA-256"},
            "SASL_SSL",
            "SCRAM-SHA-256",
        ),
    ],
)
def test_how_brokers_are_spoken_to_is_a_setting(
    given: dict[str, Any], protocol: str | None, mechanism: str | None
) -> None:
    options = parse_security(security(ServiceSettings(**given)))
    assert options.get("security_protocol") == protocol
    assert options.get("sasl_mechanism") == mechanism
    if protocol:
        context = options["ssl_context"]
        assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


@pytest.mark.parametrize("name", ["kafka_ssl_ca", "kafka_ssl_certificate"])
def test_a_certificate_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    settings = ServiceSettings.model_validate(
        {"kafka_security_protocol": "SSL", name: tmp_path / "missing.pem"}
    )
    with pytest.raises(Misconfigured, match="certificates for Kafka"):
        security(settings)


def test_a_service_does_not_start_without_the_certificate_it_is_told_of(tmp_path: Path) -> None:
    settings = ServiceSettings(http_tls_certificate=tmp_path / "missing.pem")
    with pytest.raises(Misconfigured, match="HTTP_TLS_CERTIFICATE"):
        create_server(FastAPI(), settings)
