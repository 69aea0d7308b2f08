"""The one description of the servers, for this machine and for containers alike."""

import shlex
from dataclasses import dataclass

from cxrmlops.stack.place import LOOPBACK, Place

DATABASES = ("prefect", "mlflow", "ledger")
USER = "cxr"  # of the databases and the archive
ADMINISTRATOR = "admin"  # of MLflow
POOL = "cxr"
OFF = {  # nobody is told that somebody works here
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
}


@dataclass(frozen=True)
class Service:
    """One server.

    Args:
        name: one word, as in the table of ports.
        title: what people call it.
        exports: environment; a value may name a password as `${CXR_...}`.
        command: program and its arguments.
        passwords: names of the passwords that it may read.
        needs: services that are healthy before it starts.
        health: path that answers 200 when it is well; empty: the port is enough, and
            a service without a port is well while it runs.
        page: path that people open; None: it has no page.
    """

    name: str
    title: str
    command: tuple[str, ...]
    exports: tuple[tuple[str, str], ...] = ()
    passwords: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    health: str = ""
    page: str | None = None

    def script(self, place: Place) -> str:
        """Return the shell lines that become this server."""
        lines = [place.passwords.format(name=name) for name in self.passwords]
        lines += [f'export {name}="{value}"' for name, value in self.exports]
        lines += [f"cd {shlex.quote(place.project)}"] if self.passwords else []
        return "\n".join([*lines, f"exec {shlex.join(self.command)}"])


def services(place: Place) -> tuple[Service, ...]:
    """Describe every server, each after those that it needs."""
    return tuple(
        describe(place)
        for describe in (_database, _prefect, _mlflow, _orthanc, _viewer, _worker)
    )


def client(place: Place) -> tuple[tuple[str, str], ...]:
    """List the variables by which flows and commands find the servers."""
    return (
        ("PREFECT_API_URL", f"http://{place.at('prefect')}/api"),
        ("MLFLOW_TRACKING_URI", f"http://{place.at('mlflow')}"),
        ("MLFLOW_TRACKING_USERNAME", ADMINISTRATOR),
        ("MLFLOW_TRACKING_PASSWORD", "${CXR_MLFLOW_PASSWORD}"),
        ("CXR_LEDGER_URL", _url(place, "postgresql", "ledger")),
        ("CXR_ARCHIVE", f"dicomweb:http://{place.at('orthanc')}/dicom-web"),
        ("CXR_ARCHIVE_USER", USER),
        ("CXR_PROJECT", place.project),
        *OFF.items(),
    )


def stores(place: Place) -> tuple[tuple[str, str], ...]:
    """List the variables by which a backup finds what MLflow's server keeps."""
    return (
        ("MLFLOW_BACKEND_STORE_URI", _url(place, "postgresql+psycopg", "mlflow")),
        ("MLFLOW_ARTIFACTS_DESTINATION", f"{place.folder}/mlflow/artifacts"),
    )


CLIENT_PASSWORDS = (
    "CXR_DATABASE_PASSWORD",
    "CXR_MLFLOW_PASSWORD",
    "CXR_ARCHIVE_PASSWORD",
)


def _database(place: Place) -> Service:
    return Service(
        "database",
        "PostgreSQL",
        (
            "postgres",
            *("-D", f"{place.folder}/database"),
            *("-c", f"listen_addresses={place.listen}"),
            *("-c", f"port={place.port('database')}"),
            *("-c", "unix_socket_directories="),
        ),
    )


def _prefect(place: Place) -> Service:
    return Service(
        "prefect",
        "Prefect",
        (
            *(f"{place.programs}prefect", "server", "start"),
            *("--host", place.listen, "--port", str(place.port("prefect"))),
        ),
        (
            (
                "PREFECT_SERVER_DATABASE_CONNECTION_URL",
                _url(place, "postgresql+asyncpg", "prefect"),
            ),
            ("PREFECT_HOME", f"{place.folder}/prefect"),
            (  # the browser asks here
                "PREFECT_UI_API_URL",
                f"http://{LOOPBACK}:{place.port('prefect')}/api",
            ),
            *OFF.items(),
        ),
        ("CXR_DATABASE_PASSWORD",),
        ("database",),
        "/api/health",
        "/",
    )


def _mlflow(place: Place) -> Service:
    names = f"localhost:{place.port('mlflow')},{LOOPBACK}:{place.port('mlflow')}"
    return Service(
        "mlflow",
        "MLflow",
        (
            *(f"{place.programs}mlflow", "server", "--app-name", "basic-auth"),
            *("--host", place.listen, "--port", str(place.port("mlflow"))),
            *("--workers", "2"),
            *("--allowed-hosts", f"{names},{place.at('mlflow')}"),
        ),
        (
            *stores(place),
            ("MLFLOW_AUTH_CONFIG_PATH", f"{place.folder}/mlflow.ini"),
            ("MLFLOW_AUTH_ADMIN_PASSWORD", "${CXR_MLFLOW_PASSWORD}"),
            ("MLFLOW_FLASK_SERVER_SECRET_KEY", "${CXR_MLFLOW_SECRET}"),
            ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false"),
            *OFF.items(),
        ),
        ("CXR_DATABASE_PASSWORD", "CXR_MLFLOW_PASSWORD", "CXR_MLFLOW_SECRET"),
        ("database",),
        "/health",
        "/",
    )


def _orthanc(place: Place) -> Service:
    return Service(
        "orthanc",
        "Orthanc",
        ("Orthanc", f"{place.folder}/orthanc.json"),
        health="/",
        page="/app/explorer.html",
    )


def _viewer(place: Place) -> Service:
    return Service(
        "viewer",
        "OHIF viewer",
        ("nginx", "-e", "stderr", "-c", f"{place.folder}/viewer.conf"),
        needs=("orthanc",),
        health="/",
        page="/",
    )


def _worker(place: Place) -> Service:
    prefect = f"{place.programs}prefect"
    health = f"http://{place.at('prefect')}/api/health"
    asks = f"import urllib.request as r; r.urlopen('{health}', timeout=3)"
    steps = (
        f'until {place.programs}python -c "{asks}" 2>/dev/null; do sleep 1; done',
        # it is there already after the first start
        f"{prefect} work-pool create {POOL} --type process || true",
        f"{prefect} --no-prompt deploy --all",
        f"exec {prefect} worker start --pool {POOL} --with-healthcheck",
    )
    return Service(
        "worker",
        "Prefect worker",
        ("sh", "-ec", "; ".join(steps)),
        (
            *client(place),
            ("PREFECT_HOME", f"{place.folder}/prefect"),
            ("PREFECT_WORKER_WEBSERVER_HOST", LOOPBACK),
            ("PREFECT_WORKER_WEBSERVER_PORT", str(place.port("worker"))),
            ("CXR_TIME_ZONE", place.time_zone),
        ),
        CLIENT_PASSWORDS,
        ("prefect", "mlflow", "orthanc"),
        "/health",
    )


def _url(place: Place, scheme: str, database: str) -> str:
    return f"{scheme}://{USER}:${{CXR_DATABASE_PASSWORD}}@{place.at('database')}/{database}"
