"""Ports: outside the range that the kernel gives away, and a taken one is named with its holder."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from careline_localstack import StackError
from careline_localstack.ports import choose_free_port, is_free, refuse_taken


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_chosen_port_is_free_and_no_client_gets_it() -> None:
    port = choose_free_port()
    assert is_free(port)
    ephemeral = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if ephemeral.exists():
        assert port < int(ephemeral.read_text().split()[0])


def test_a_taken_port_is_named_with_holder_and_way_out(taken_port: int) -> None:
    with pytest.raises(StackError) as caught:
        refuse_taken(taken_port, wanted_by="Apache Kafka", variable="CARELINE_KAFKA_PORT")
    message = str(caught.value)
    assert re.search(rf"Port {taken_port}, meant for Apache Kafka, is taken", message)
    assert f"by process {os.getpid()}" in message
    assert "CARELINE_KAFKA_PORT=PORT careline up" in message
