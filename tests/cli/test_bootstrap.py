"""`./careline` on machines that lack something: it finds another way, or says what is missing.

The script runs in a checkout of its own, against a wheel named uv that only notes its calls: pip
and venv are the real ones, the network is never asked.
"""

import ast
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PYTHON = Path(sys.executable).resolve()  # below the environment of these tests, which has no pip
SCRIPT = Path(__file__).resolve().parents[2] / "careline"
UV_VERSION = "0.13.9"

FAKE_UV = """\
#!/bin/sh
if [ "$1" = --version ]; then echo "uv {version}"; exit; fi
echo "$@" >> "$UV_CALLS"
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
printf '#!/bin/sh\\necho "handed over: $@"\\n' > "$UV_PROJECT_ENVIRONMENT/bin/python"
chmod +x "$UV_PROJECT_ENVIRONMENT/bin/python"
exit {exit_code}
"""


needs_pip = pytest.mark.skipif(
    subprocess.run([PYTHON, "-c", "import pip, venv, ensurepip"], capture_output=True).returncode
    != 0,
    reason="the Python of this machine itself lacks pip or venv",
)


@dataclass
class Machine:
    """A directory that stands for a machine: checkout, cache, programs, and what Python lacks."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    sitecustomize: list[str] = field(default_factory=list)

    @property
    def checkout(self) -> Path:
        return self.root / "checkout"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def without_modules(self, *names: str) -> None:
        """Only for the Python of the machine: an environment made by it has what it brings."""
        hide = f"sys.modules.update(dict.fromkeys({names!r}))"
        self.sitecustomize += ["import sys", f"if sys.prefix == sys.base_prefix: {hide}"]

    def with_uv_on_path(self, *, version: str = UV_VERSION, exit_code: int = 0) -> None:
        uv = self.root / "bin" / "uv"
        uv.write_text(FAKE_UV.format(version=version, exit_code=exit_code))
        uv.chmod(0o755)

    def careline(self, *arguments: str, user: str | None = None) -> "Outcome":
        (self.root / "site" / "sitecustomize.py").write_text("\n".join(self.sitecustomize))
        done = subprocess.run(
            [PYTHON, self.checkout / "careline", *arguments],
            env={
                "PATH": str(self.root / "bin"),
                "HOME": str(self.root / "home"),
                "CARELINE_CACHE": str(self.cache),
                "PYTHONPATH": str(self.root / "site"),
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.root / "wheels"),
                "UV_CALLS": str(self.root / "uv-calls"),
                **self.variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=user,
        )
        return Outcome(done.returncode, done.stdout, " ".join(done.stderr.split()))

    @property
    def uv_calls(self) -> int:
        calls = self.root / "uv-calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    for name in ("checkout", "bin", "home", "site", "wheels"):
        (tmp_path / name).mkdir()
    (machine.checkout / "careline").write_bytes(SCRIPT.read_bytes())
    (machine.checkout / "pyproject.toml").write_text("[project]\n")
    (machine.checkout / "uv.lock").write_text("version = 1\n")
    for tool in ("mkdir", "chmod"):  # all that the fake uv needs; a real uv must not be found
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    _write_wheel(tmp_path / "wheels")
    return machine


def _write_wheel(directory: Path) -> None:
    info = f"uv-{UV_VERSION}.dist-info"
    with zipfile.ZipFile(directory / f"uv-{UV_VERSION}-py3-none-any.whl", "w") as wheel:
        script = zipfile.ZipInfo(f"uv-{UV_VERSION}.data/scripts/uv")
        script.external_attr = (stat.S_IFREG | 0o755) << 16
        wheel.writestr(script, FAKE_UV.format(version=UV_VERSION, exit_code=0))
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: uv\nVersion: {UV_VERSION}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def test_the_script_can_be_read_by_python_3_6() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))


def test_an_old_python_is_told_which_one_is_needed(machine: Machine) -> None:
    machine.sitecustomize = ["import sys", "sys.version_info = (3, 9, 2, 'final', 0)"]
    outcome = machine.careline("status")
    assert outcome.exit_code == 1
    assert "this is Python 3.9, and Careline needs 3.11 or newer" in outcome.stderr


@needs_pip
@pytest.mark.parametrize(
    "missing",
    [
        pytest.param((), id="pip and venv are there"),
        pytest.param(("venv", "ensurepip"), id="without venv, pip installs uv"),
        pytest.param(("pip",), id="without pip, a virtual environment brings one"),
    ],
)
def test_uv_is_installed_one_way_or_the_other(machine: Machine, missing: tuple[str, ...]) -> None:
    machine.without_modules(*missing)
    outcome = machine.careline("status", "--json")
    assert outcome.stdout == "handed over: -m careline_cli status --json\n", outcome.stderr
    assert machine.uv_calls == 1


def test_without_pip_and_venv_the_packages_to_install_are_named(machine: Machine) -> None:
    machine.without_modules("pip", "venv", "ensurepip")
    outcome = machine.careline("status")
    assert outcome.exit_code == 1
    assert outcome.stdout == ""
    assert "apt install python3-venv" in outcome.stderr


@needs_pip
@pytest.mark.parametrize(
    ("version", "installs_its_own"),
    [
        pytest.param("0.8.24", True, id="0.8 is too old"),
        pytest.param("0.9.0", False, id="0.9 is new enough"),
        pytest.param("1.0.0", False, id="1.0 is new enough"),
    ],
)
def test_a_uv_on_path_is_used_when_new_enough(
    machine: Machine, version: str, installs_its_own: bool
) -> None:
    machine.with_uv_on_path(version=version)
    assert machine.careline("status").exit_code == 0
    assert (machine.cache / f"uv-{UV_VERSION}").exists() is installs_its_own


def test_a_warm_start_only_hands_over_until_the_lock_changes(machine: Machine) -> None:
    machine.with_uv_on_path()
    for _ in range(2):
        outcome = machine.careline("status")
    assert (machine.uv_calls, outcome.stderr) == (1, "")
    (machine.checkout / "uv.lock").write_text("version = 2\n")
    machine.careline("status")
    assert machine.uv_calls == 2


WITHOUT_NETWORK = [
    "import socket",
    "def refuse(address, **options): raise OSError(f'no route to {address}')",
    "socket.create_connection = refuse",
]


def test_a_failed_installation_is_not_taken_for_done(machine: Machine) -> None:
    machine.with_uv_on_path(exit_code=2)
    machine.sitecustomize = WITHOUT_NETWORK
    outcome = machine.careline("status")
    assert outcome.exit_code == 1
    assert "The package registry pypi.org cannot be reached from here" in outcome.stderr
    machine.with_uv_on_path()
    assert machine.careline("status").exit_code == 0


@pytest.mark.parametrize(
    ("variables", "blamed"),
    [
        pytest.param(
            {"UV_DEFAULT_INDEX": "ours=https://me:secret@uv.example:8443/simple"},
            "The package registry uv.example (UV_DEFAULT_INDEX) cannot be reached from here "
            "(no route to ('uv.example', 8443))",
            id="another index",
        ),
        pytest.param(
            {"UV_INDEX_URL": "http://uv.example/simple?a=b"},
            "The package registry uv.example (UV_INDEX_URL) cannot be reached from here "
            "(no route to ('uv.example', 80))",
            id="by its older name",
        ),
        pytest.param(
            {"UV_DEFAULT_INDEX": "https://new.example", "UV_INDEX_URL": "https://old.example"},
            "The package registry new.example (UV_DEFAULT_INDEX)",
            id="both",
        ),
        pytest.param(
            {"PIP_INDEX_URL": "https://pip.example/simple"},
            "The package registry pypi.org cannot",
            id="one of pip's, which uv does not read",
        ),
        pytest.param(
            {"HTTPS_PROXY": "http://me:secret@proxy.example:3128"},
            "The proxy proxy.example cannot be reached from here "
            "(no route to ('proxy.example', 3128))",
            id="a proxy",
        ),
        pytest.param(
            {
                "UV_DEFAULT_INDEX": "https://uv.example",
                "HTTPS_PROXY": "http://proxy.example:3128",
                "NO_PROXY": "uv.example",
            },
            "The package registry uv.example (UV_DEFAULT_INDEX)",
            id="an index that needs no proxy",
        ),
    ],
)
def test_what_could_not_be_reached_is_named_without_its_password(
    machine: Machine, variables: dict[str, str], blamed: str
) -> None:
    machine.with_uv_on_path(exit_code=2)
    machine.sitecustomize = WITHOUT_NETWORK
    machine.variables = variables
    outcome = machine.careline("status")
    assert blamed in outcome.stderr
    assert "secret" not in outcome.stderr


@needs_pip
def test_where_pip_installs_uv_the_index_of_pip_is_named(machine: Machine) -> None:
    machine.without_modules("venv", "ensurepip")
    machine.sitecustomize += WITHOUT_NETWORK
    machine.variables = {"PIP_INDEX_URL": "https://pip.example", "PIP_FIND_LINKS": "/nothing"}
    outcome = machine.careline("status")
    assert "The package registry pip.example (PIP_INDEX_URL) cannot be reached" in outcome.stderr


def test_a_full_disk_is_named_before_anything_is_installed(machine: Machine) -> None:
    machine.with_uv_on_path()
    machine.sitecustomize = [
        "import collections, shutil",
        "usage = collections.namedtuple('usage', 'total used free')",
        "shutil.disk_usage = lambda path: usage(10**10, 10**10, 5 * 10**6)",
    ]
    outcome = machine.careline("status")
    assert outcome.exit_code == 1
    assert "has 5 MB free, 1200 MB are needed" in outcome.stderr
    assert machine.uv_calls == 0


def as_somebody_else(machine: Machine, *, owned: Callable[[Machine], list[Path]]) -> str | None:
    """Root may write everywhere, so for root the script runs as `nobody`, who owns only these."""
    if os.geteuid() != 0:
        return None
    if not all(parent.stat().st_mode & 0o001 for parent in PYTHON.parents):
        pytest.skip(f"no other user may reach {PYTHON}")
    for parent in (machine.root, *machine.root.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o011)
    for path in owned(machine):
        path.mkdir(exist_ok=True)
        os.chown(path, 65534, 65534)
    (machine.root / "uv-calls").touch()
    (machine.root / "uv-calls").chmod(0o666)
    return "nobody"


def test_in_a_read_only_checkout_the_environment_lies_in_the_cache(machine: Machine) -> None:
    machine.with_uv_on_path()
    machine.checkout.chmod(0o555)
    user = as_somebody_else(machine, owned=lambda machine: [machine.cache])
    outcome = machine.careline("status", user=user)
    assert outcome.stdout == "handed over: -m careline_cli status\n", outcome.stderr
    assert not (machine.checkout / ".venv").exists()
    assert list((machine.cache / "environments").iterdir())


def test_where_nothing_may_be_written_the_way_out_is_named(machine: Machine) -> None:
    machine.with_uv_on_path()
    machine.checkout.chmod(0o555)
    machine.cache.mkdir(mode=0o555)
    user = as_somebody_else(machine, owned=lambda machine: [])
    outcome = machine.careline("status", user=user)
    assert outcome.exit_code == 1
    assert "cannot be written" in outcome.stderr
    assert "Set CARELINE_CACHE" in outcome.stderr
