"""Settings files of the servers that are not ours: Orthanc, OHIF, nginx, MLflow."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from cxrmlops.stack.place import LOOPBACK, Place
from cxrmlops.stack.services import ADMINISTRATOR, USER
from cxrmlops.system.files import write_text

OUR_TITLE = "CXRMLOPS"  # AE title that the archive lets in


def orthanc(place: Place, *, plugins: str, password: str) -> str:
    """Return Orthanc's JSON: DICOMweb and DIMSE, a login, nobody unknown let in.

    Orthanc's DICOM port cannot be bound to one address; so an association is refused
    unless title and address are those of ours.

    Args:
        place: ports and folders.
        plugins: folder of Orthanc's plugins.
        password: of the only user.
    """
    content = {
        "Name": "cxrmlops",
        "StorageDirectory": f"{place.folder}/orthanc",
        "IndexDirectory": f"{place.folder}/orthanc",
        "HttpPort": place.port("orthanc"),
        "DicomPort": place.port("dicom"),
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": place.listen != LOOPBACK,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: password},
        "ExecuteLuaEnabled": False,
        "DicomCheckCalledAet": True,
        "DicomCheckModalityHost": True,
        "DicomAlwaysAllowEcho": False,
        "DicomAlwaysAllowStore": False,
        "DicomModalities": {
            OUR_TITLE: [OUR_TITLE, LOOPBACK, place.port("retrieve")],
        },
        "OverwriteInstances": False,
        "Plugins": [plugins],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    return json.dumps(content, indent=2) + "\n"


def mlflow(place: Place, *, password: str) -> str:
    """Return MLflow's settings of logins: nobody may do anything without one."""
    return "\n".join(
        (
            "[mlflow]",
            "default_permission = NO_PERMISSIONS",
            f"database_uri = sqlite:///{place.folder}/mlflow/users.db",
            f"admin_username = {ADMINISTRATOR}",
            f"admin_password = {password}",
            "authorization_function = "
            "mlflow.server.auth:authenticate_request_basic_auth",
            "auth_cache_ttl_seconds = 60",  # else each request costs .4 s
            "",
        )
    )


def viewer(place: Place, *, password: str, account: str | None) -> str:
    """Return nginx's settings: OHIF's files, and the archive under the same address.

    Args:
        place: ports and folders.
        password: of the archive; nginx logs in, the browser need not.
        account: that nginx's workers run as, where it is started by root.
    """
    login = base64.b64encode(f"{USER}:{password}".encode()).decode()
    here = f"{place.folder}/viewer"
    kept = "".join(
        f"  {kind}_temp_path {here}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = f"user {account};\n" if account else ""
    return f"""\
{user}daemon off;
worker_processes 1;
pid {here}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  include /etc/nginx/mime.types;
  types {{ application/wasm wasm; text/javascript mjs; }}
  access_log off;
  client_max_body_size 512m;
{kept}  server {{
    listen {place.listen}:{place.port("viewer")};
    root {here}/dist;
    add_header Cross-Origin-Opener-Policy same-origin;
    add_header Cross-Origin-Embedder-Policy require-corp;
    location / {{ try_files $uri /index.html; }}
    location = /app-config.js {{ alias {here}/app-config.js; }}
    location /dicom-web/ {{
      proxy_pass http://{place.at("orthanc")};
      proxy_set_header Host $http_host;
      proxy_set_header Authorization "Basic {login}";
    }}
  }}
}}
"""


def viewer_settings() -> str:
    """Return OHIF's app-config.js: one archive, under the viewer's own address."""
    source = {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": "archive",
        "configuration": {
            "friendlyName": "cxrmlops",
            "name": "orthanc",
            "wadoUriRoot": "/dicom-web",
            "qidoRoot": "/dicom-web",
            "wadoRoot": "/dicom-web",
            "qidoSupportsIncludeField": False,
            "imageRendering": "wadors",
            "thumbnailRendering": "wadors",
            "enableStudyLazyLoad": True,
            "supportsFuzzyMatching": False,
            "supportsWildcard": True,
            "omitQuotationForMultipartRequest": True,
        },
    }
    content = {
        "routerBasename": "/",
        "showStudyList": True,
        "extensions": [],
        "modes": [],
        "defaultDataSourceName": "archive",
        "dataSources": [source],
        "investigationalUseDialog": {"option": "configure", "days": 365},
    }
    return f"window.config = {json.dumps(content, indent=2)};\n"


def write_settings(
    folder: Path,
    place: Place,
    passwords: Mapping[str, str],
    *,
    plugins: Path,
    account: str | None,
) -> None:
    """Write the settings files of one place; those with a password are 0600.

    Args:
        folder: to write to; the servers see it as `place.folder`.
        place: where the servers run.
        passwords: by their names.
        plugins: Orthanc's plugin of DICOMweb, or the folder of its plugins.
        account: that nginx's workers run as, where root starts them.
    """
    archive = passwords["CXR_ARCHIVE_PASSWORD"]
    texts = {
        "orthanc.json": orthanc(place, plugins=str(plugins), password=archive),
        "mlflow.ini": mlflow(place, password=passwords["CXR_MLFLOW_PASSWORD"]),
        "viewer.conf": viewer(place, password=archive, account=account),
    }
    for name, text in texts.items():
        write_text(folder / name, text, private=True)
    write_text(folder / "viewer" / "app-config.js", viewer_settings())
