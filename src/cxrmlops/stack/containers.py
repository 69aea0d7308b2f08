"""The same servers as containers: infra/compose.yaml, from the one description."""

from pathlib import Path
from typing import Any

import yaml

from cxrmlops.params import Ports, Site
from cxrmlops.stack import ohif
from cxrmlops.stack.configuration import write_settings
from cxrmlops.stack.passwords import NAMES, read_passwords
from cxrmlops.stack.place import LOOPBACK, Place
from cxrmlops.stack.services import DATABASES, USER, Service, services
from cxrmlops.system.files import make_folder, write_text

_KEPT = "/srv/stack"
_PROJECT = "/srv/cxrmlops"
_NAMES = ("database", "prefect", "mlflow", "orthanc", "viewer", "worker")
_HOST = "${CXR_STACK:-../.containers}"  # folder of `cxrmlops compose`
_PATIENCE = {"interval": "10s", "timeout": "5s", "retries": 30}
_PLUGINS = Path("/usr/share/orthanc/plugins")  # in the image
_HEAD = """\
# Made from src/cxrmlops/stack/services.py by: cxrmlops compose. Do not edit by hand.
# Ports are published on loopback only. Settings and passwords are files below CXR_STACK
# (`cxrmlops compose` makes them); films, site.yaml and params.yaml are the project's.
"""


class _Blocks(yaml.SafeDumper):
    """Shell scripts as blocks, as a person would write them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Blocks.add_representer(str, _text)


def place(time_zone: str) -> Place:
    """Describe the containers as a place: each is reached by its service's name."""
    return Place(
        folder=_KEPT,
        project=_PROJECT,
        programs="",
        listen="0.0.0.0",  # noqa: S104 - within the containers' own network
        hosts={name: name for name in _NAMES},
        ports=Ports(),
        time_zone=time_zone,
        passwords='export {name}="$(cat /run/secrets/{name})"',
    )


def compose(*, time_zone: str) -> str:
    """Return compose.yaml (Compose Specification)."""
    here = place(time_zone)
    content = {
        "services": {
            service.name: _container(service, here) for service in services(here)
        },
        "secrets": {name: {"file": f"{_HOST}/secrets/{name}"} for name in NAMES},
        "volumes": {"database": {}, "orthanc": {}, "mlflow": {}},
    }
    return _HEAD + yaml.dump(content, Dumper=_Blocks, sort_keys=False, width=100)


def prepare(folder: Path, site: Site) -> None:
    """Write what the containers mount: a file a password, settings, OHIF's pages."""
    make_folder(folder, private=True)
    (folder / "secrets").mkdir(exist_ok=True, mode=0o700)
    (folder / "viewer").mkdir(exist_ok=True)
    passwords = read_passwords(folder / "passwords.env")
    for name, value in passwords.items():
        write_text(folder / "secrets" / name, value, private=True)
    script = "".join(f"CREATE DATABASE {name};\n" for name in DATABASES)
    write_text(folder / "databases.sql", script)
    ohif.fetch_viewer(folder / "viewer" / "dist", cache=folder / "viewer")
    write_settings(
        folder, place(site.time_zone), passwords, plugins=_PLUGINS, account=None
    )


def _container(service: Service, here: Place) -> dict[str, Any]:
    content: dict[str, Any] = {"restart": "unless-stopped", **_own(service, here)}
    if service.passwords:
        content["secrets"] = list(service.passwords)
    if service.page is not None:
        port = here.port(service.name)
        content["ports"] = [f"{LOOPBACK}:{port}:{port}"]
    if service.needs:
        content["depends_on"] = {
            name: {"condition": "service_healthy"} for name in service.needs
        }
    test = _health(service, here)
    return content | {"healthcheck": {"test": test, **_PATIENCE}}


def _own(service: Service, here: Place) -> dict[str, Any]:
    """Return what this container has and no other: image, command, what it mounts."""
    ours = {
        "image": "cxrmlops",
        "build": {"context": "..", "dockerfile": "infra/Dockerfile"},
        "command": ["sh", "-ec", _escaped(service.script(here))],
    }
    special: dict[str, dict[str, Any]] = {
        "database": {
            "image": "postgres:15",
            "command": ["-p", str(here.port("database"))],
            "environment": {
                "POSTGRES_USER": USER,
                "POSTGRES_PASSWORD_FILE": "/run/secrets/CXR_DATABASE_PASSWORD",
            },
            "secrets": ["CXR_DATABASE_PASSWORD"],
            "volumes": [
                "database:/var/lib/postgresql/data",
                f"{_HOST}/databases.sql:/docker-entrypoint-initdb.d/databases.sql:ro",
            ],
        },
        "mlflow": ours
        | {
            "volumes": [
                f"{_HOST}/mlflow.ini:{_KEPT}/mlflow.ini:ro",
                f"mlflow:{_KEPT}/mlflow",
            ]
        },
        "orthanc": {
            "image": "jodogne/orthanc-plugins:1.12.4",
            "command": [f"{_KEPT}/orthanc.json"],
            "volumes": [
                f"{_HOST}/orthanc.json:{_KEPT}/orthanc.json:ro",
                f"orthanc:{_KEPT}/orthanc",
            ],
        },
        "viewer": {
            "image": "nginx:1.27",
            "command": list(service.command),
            "volumes": [
                f"{_HOST}/viewer.conf:{_KEPT}/viewer.conf:ro",
                f"{_HOST}/viewer:{_KEPT}/viewer",
            ],
        },
        # films, settings and data of the checkout
        "worker": ours | {"volumes": [f"..:{_PROJECT}"]},
    }
    return special.get(service.name, ours)


def _health(service: Service, here: Place) -> list[str]:
    port = here.port(service.name)
    match service.name:
        case "database":
            return ["CMD", "pg_isready", "-U", USER, "-p", str(port)]
        case "orthanc" | "viewer":  # their images hold no Python
            return ["CMD-SHELL", f"bash -c '</dev/tcp/127.0.0.1/{port}'"]
    address = f"http://127.0.0.1:{port}{service.health}"
    asks = f"import urllib.request as r; r.urlopen('{address}', timeout=3)"
    return ["CMD", "python", "-c", asks]


def _escaped(script: str) -> str:
    """Keep Compose from filling in what the shell is to fill in."""
    return script.replace("$", "$$")
