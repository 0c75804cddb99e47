"""A child process that outlives the command that started it and is never mistaken for another."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from careline_localstack.errors import StackError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_POLL_SECONDS = 0.02
_LOG_KEPT_BYTES = 20_000_000

# Children of this very process must be reaped by it; those of an earlier command by init.
_children: dict[int, "subprocess.Popen[bytes]"] = {}


class DetachedProcess:
    """One process known by its pid file: started, stopped and killed by that pid only.

    The file also holds the moment the process started, so that a pid which the system has since
    given to somebody else's program is never signalled.
    """

    def __init__(self, name: str, *, pid_file: Path, log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self._pid_file = pid_file

    @property
    def pid(self) -> int | None:
        """The pid while the process runs, else None (and a stale pid file is forgotten)."""
        try:
            noted = json.loads(self._pid_file.read_text())
            pid, started = int(noted["pid"]), str(noted["started"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if _is_alive(pid) and _start_mark(pid) == started:
            return pid
        self._pid_file.unlink(missing_ok=True)
        return None

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    def start(
        self, command: Sequence[str | Path], *, environment: Mapping[str, str], directory: Path
    ) -> None:
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self._rotate_log()
        with self.log_file.open("ab") as log:
            try:
                child = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=directory,
                    env=dict(environment),
                    start_new_session=True,
                )
            except OSError as error:
                raise StackError(f"{self.name} could not be started.", why=str(error)) from error
        _children[child.pid] = child
        # Whole or not at all: a half-written pid file would orphan the process.
        draft = self._pid_file.with_suffix(".new")
        draft.write_text(json.dumps({"pid": child.pid, "started": _start_mark(child.pid)}))
        draft.replace(self._pid_file)

    def stop(
        self, *, polite_signal: signal.Signals = signal.SIGTERM, timeout_seconds: float = 30
    ) -> None:
        """Ask the process to end; kill it when it does not within the time given."""
        pid = self.pid
        if pid is None:
            return
        _send(pid, polite_signal)
        if not _wait_until_gone(pid, timeout_seconds):
            self.kill()
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """kill -9 of the process and all its children: what a crash of the machine does to it."""
        pid = self.pid
        if pid is None:
            return
        try:
            children = [child.pid for child in psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            children = []
        for victim in (pid, *children):
            _send(victim, signal.SIGKILL)
        for victim in (pid, *children):
            _wait_until_gone(victim, timeout_seconds=10)
        self._pid_file.unlink(missing_ok=True)

    def last_log_lines(self, count: int = 12) -> str:
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(0, self.log_file.stat().st_size - 16_000))
                text = log.read().decode(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-count:]) or "(the log is empty)"

    def _rotate_log(self) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_KEPT_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))


def _is_alive(pid: int) -> bool:
    child = _children.get(pid)
    if child is not None:
        if child.poll() is None:
            return True
        del _children[pid]
        return False
    try:
        process = psutil.Process(pid)
        # A zombie that nobody has reaped yet; its other threads may still hold the port.
        return bool(process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


def _start_mark(pid: int) -> str:
    """Tells one process from every other that ever had its pid.

    Linux: boot id and start tick, which no clock adjustment moves; elsewhere the start time.
    """
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{_BOOT_ID.read_text().strip()}:{ticks}"
    except (OSError, IndexError):
        pass
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return "gone"


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait_until_gone(pid: int, timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while _is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
