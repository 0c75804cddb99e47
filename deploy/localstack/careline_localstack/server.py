"""What every server of the stack can do: start, stop, be killed, and come back on its port."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from careline_localstack import ports
from careline_localstack.errors import StackError
from careline_localstack.home import Home, Progress
from careline_localstack.process import DetachedProcess

_POLL_SECONDS = 0.05


def silently(_: str) -> None:
    """Progress for those who do not watch."""


class Server(ABC):
    """A server process on a remembered port. Starting one that runs only waits until it answers."""

    stop_signal = signal.SIGTERM
    # An idle machine needs three; one with five busy processes per core was seen to need thirty.
    ready_within_seconds: float = 120

    def __init__(self, home: Home, *, name: str, title: str, port_variable: str) -> None:
        self.home = home
        self.name = name
        self.title = title
        self.port_variable = port_variable
        self.process = DetachedProcess(
            title, pid_file=home.run / f"{name}.pid", log_file=home.logs / f"{name}.log"
        )

    @property
    def port(self) -> int:
        return self.home.port(self.name, variable=self.port_variable)

    @property
    def pid(self) -> int | None:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.is_running

    def start(self, progress: Progress = silently) -> None:
        if self.is_running:
            self._refuse_moved_port()
        else:
            self.prepare(progress)
            self.refuse_taken_port()
            self.process.start(
                self.command(), environment=self.process_environment(), directory=self.directory
            )
            # One given in the environment counts from now on, also for commands without it.
            self.home.remember_port(self.name, self.port)
        self.wait_until_ready()

    def refuse_taken_port(self) -> None:
        ports.refuse_taken(self.port, wanted_by=self.title, variable=self.port_variable)

    def stop(self) -> None:
        self.process.stop(polite_signal=self.stop_signal)

    def kill(self) -> None:
        """kill -9, as in a crash; `start` brings the server back with what it had made durable."""
        self.process.kill()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.ready_within_seconds
        while not self.is_ready():
            if not self.is_running:
                raise StackError(
                    f"{self.title} stopped while starting.",
                    why=f"Its last words:\n{self.process.last_log_lines()}\n",
                    fix=self.advice(),
                )
            if time.monotonic() > deadline:
                raise StackError(
                    f"{self.title} did not answer within {self.ready_within_seconds:.0f} seconds.",
                    why=f"Its last words:\n{self.process.last_log_lines()}\n",
                    fix=self.advice(),
                )
            time.sleep(_POLL_SECONDS)
        self.after_ready()

    def advice(self) -> str:
        return (
            f"The whole log is {self.process.log_file}. "
            "`careline down --wipe` starts over with empty state."
        )

    @property
    def directory(self) -> Path:
        return self.home.root

    def process_environment(self) -> dict[str, str]:
        return dict(self.home.environment)

    def _refuse_moved_port(self) -> None:
        listens_on = self.home.remembered_port(self.name)
        if listens_on is not None and listens_on != self.port:
            raise StackError(
                f"{self.title} already runs on port {listens_on}, and {self.port_variable} "
                f"asks for {self.port}.",
                fix=f"Unset {self.port_variable}, or stop the stack first: careline down",
            )

    @abstractmethod
    def prepare(self, progress: Progress) -> None:
        """Whatever must lie on disk before the process starts; also clears up after a crash."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]: ...

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers a real request, not only whether the port is open."""

    def after_ready(self) -> None:
        """What is to be done once it answers, every time; nothing by default."""
        return
