"""Start the servers of this machine, say how they are, stop them."""

import logging
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from shutil import which

from cxrmlops.params import Site
from cxrmlops.stack import database, ohif, supervisor, systemd
from cxrmlops.stack.configuration import write_settings
from cxrmlops.stack.health import is_well
from cxrmlops.stack.passwords import read_passwords
from cxrmlops.stack.place import LOOPBACK, Place
from cxrmlops.stack.services import (
    ADMINISTRATOR,
    CLIENT_PASSWORDS,
    USER,
    Service,
    client,
    services,
    stores,
)
from cxrmlops.system.errors import ResourceError
from cxrmlops.system.files import make_folder, write_text

log = logging.getLogger(__name__)
FOLDER = "CXR_STACK"  # environment: where the servers keep everything
PASSWORDS, ADDRESSES = "passwords.env", "addresses.env"
_PLUGINS = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_PROGRAMS = {"Orthanc": "orthanc orthanc-dicomweb", "nginx": "nginx-light"}
_WAIT_SECONDS = 300.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class State:
    """How one server is.

    Args:
        service: the server.
        process: supervisord's word, `RUNNING` ...; empty: not started.
        well: it answers.
        address: where people open it, or the port that programs ask.
    """

    service: Service
    process: str
    well: bool
    address: str


def folder_of(project: Path) -> Path:
    """Name the folder of the servers: `CXR_STACK`, else `.stack` in the project.

    As root: `/var/lib/cxrmlops/<hash of the project's path>`, for PostgreSQL runs as
    another account and could not enter root's home.
    """
    given = os.environ.get(FOLDER)
    if given:
        return Path(given).absolute()
    if os.geteuid() == 0:
        mark = sha256(str(project.resolve()).encode()).hexdigest()[:8]
        return Path("/var/lib/cxrmlops") / mark
    return project.resolve() / ".stack"


def up(site: Site, *, project: Path) -> list[State]:
    """Start every server that does not run, wait until all are well.

    What is there stays: a second call changes nothing but what settings changed.

    Raises:
        ResourceError: a program is missing, or a server did not become well.
    """
    _require_programs()
    folder, place = folder_of(project), here(project, site)
    passwords = _prepare(folder, place)
    supervisor.start(folder)
    for service in services(place):
        _wait(service, place, folder)
        if service.name == "database":
            database.make_databases(place, password=passwords["CXR_DATABASE_PASSWORD"])
    return list(status(site, project=project))


def status(site: Site, *, project: Path) -> Iterator[State]:
    """Ask every server how it is."""
    folder, place = folder_of(project), here(project, site)
    processes = supervisor.states(folder)
    for service in services(place):
        process = processes.get(service.name, "")
        address = place.at(service.name)
        yield State(
            service,
            process,
            bool(process) and is_well(service, place),
            address if service.page is None else f"http://{address}{service.page}",
        )


def show_results_here(site: Site, *, project: Path) -> dict[str, str]:
    """Return the variables by which results go to the archive that `up` started.

    Raises:
        ResourceError: that archive, or the viewer before it, does not answer.
    """
    place = here(project, site)
    for service in services(place):
        if service.name in ("orthanc", "viewer") and not is_well(service, place):
            raise ResourceError(
                f"{service.title} of this project does not answer at "
                f"{place.at(service.name)}; start it: make stack"
            )
    passwords = read_passwords(folder_of(project) / PASSWORDS)
    return {
        "CXR_RESULTS_ARCHIVE": f"dicomweb:http://{place.at('orthanc')}/dicom-web",
        "CXR_RESULTS_ARCHIVE_USER": USER,
        "CXR_RESULTS_ARCHIVE_PASSWORD": passwords["CXR_ARCHIVE_PASSWORD"],
        "CXR_RESULTS_ARCHIVE_TOKEN": "",
    }


def down(*, project: Path) -> bool:
    """Stop the servers of this project and no other; what they keep stays.

    Returns:
        Whether any ran.
    """
    return supervisor.stop(folder_of(project))


def here(project: Path, site: Site) -> Place:
    """Describe this machine as the place of the servers of a project."""
    folder = folder_of(project)
    passwords = shlex.quote(str(folder / PASSWORDS))
    return Place(
        folder=str(folder),
        project=str(project.resolve()),
        programs=f"{Path(sys.executable).parent}/",
        listen=LOOPBACK,
        hosts={},
        ports=site.ports,
        time_zone=site.time_zone,
        passwords=f'export {{name}}="$(sed -n s/^{{name}}=//p {passwords})"',
    )


def enable_at_boot(project: Path) -> str:
    """Write the unit of systemd; enable it, or say by which command a person does."""
    folder = folder_of(project)
    file = folder / systemd.UNIT
    write_text(file, systemd.unit(folder, project=project.resolve()))
    if not systemd.runs_here():
        return f"to start at boot: {systemd.by_hand(file)}"
    supervisor.stop(folder)
    systemd.install(file)
    return f"starts at boot: systemctl status {systemd.UNIT}"


def _prepare(folder: Path, place: Place) -> dict[str, str]:
    """Write every settings file; make what the servers keep."""
    make_folder(folder)
    for name in ("run", "logs", "prefect", "mlflow", "orthanc", "viewer"):
        (folder / name).mkdir(exist_ok=True, mode=0o700)
    passwords = read_passwords(folder / PASSWORDS)
    if database.make_cluster(
        folder / "database", password=passwords["CXR_DATABASE_PASSWORD"]
    ):
        log.info("up: PostgreSQL cluster made")
    if ohif.fetch_viewer(folder / "viewer" / "dist", cache=folder / "viewer"):
        log.info("up: OHIF %s put in place", ohif.VERSION)
    write_settings(folder, place, passwords, plugins=_PLUGINS, account=_web_account())
    write_text(folder / ADDRESSES, _addresses(place, passwords), private=True)
    everything = services(place)
    for service in everything:
        write_text(folder / "run" / f"{service.name}.sh", _script(service, place))
    write_text(
        folder / "supervisord.conf",
        supervisor.configuration(folder, everything, account=database.ACCOUNT),
    )
    if os.geteuid() == 0:
        _let_accounts_in(folder)
    return passwords


def _web_account() -> str | None:
    """Name the account of nginx's workers, where root starts them."""
    return "www-data" if os.geteuid() == 0 else None


def _let_accounts_in(folder: Path) -> None:
    """Let PostgreSQL's account and nginx's workers reach what they run and serve."""
    for part in (folder, folder / "run", folder / "viewer"):
        part.chmod(0o711)
    for file in (*(folder / "run").iterdir(), folder / "viewer" / "app-config.js"):
        file.chmod(0o644)


def _script(service: Service, place: Place) -> str:
    found = {"postgres": str(database.programs() / "postgres")}
    for program in _PROGRAMS:
        found[program] = which(program) or f"/usr/sbin/{program}"
    program, *words = service.command
    known = replace(service, command=(found.get(program, program), *words))
    return f"set -eu\n{known.script(place)}\n"


def _addresses(place: Place, passwords: dict[str, str]) -> str:
    lines = [f"{name}={passwords[name]}" for name in CLIENT_PASSWORDS]
    lines += [f'{name}="{value}"' for name, value in (*client(place), *stores(place))]
    return (
        "# For a shell: set -a; . THIS_FILE; set +a\n"
        f"# MLflow asks for {ADMINISTRATOR}, Orthanc for {USER}; passwords below.\n"
        + "\n".join(lines)
        + "\n"
    )


def _require_programs() -> None:
    database.programs()
    for program, packages in _PROGRAMS.items():
        if not which(program) and not Path(f"/usr/sbin/{program}").exists():
            raise ResourceError(
                f"{program} is not installed; run infra/packages.sh, or: "
                f"sudo apt-get install {packages}"
            )
    if not _PLUGINS.exists():
        raise ResourceError(
            f"{_PLUGINS} is missing; run: sudo apt-get install orthanc-dicomweb"
        )


def _wait(service: Service, place: Place, folder: Path) -> None:
    begun = time.monotonic()
    while not is_well(service, place):
        if time.monotonic() - begun > _WAIT_SECONDS:
            raise ResourceError(
                f"{service.title} does not answer at {place.at(service.name)}; see "
                f"{folder}/logs/{service.name}.log"
            )
        time.sleep(_POLL_SECONDS)
    log.info("up: %s is well after %.0f s", service.title, time.monotonic() - begun)
