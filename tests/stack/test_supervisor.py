import configparser

from cxrmlops.params import load_site
from cxrmlops.stack import supervisor
from cxrmlops.stack.services import services
from cxrmlops.stack.stack import here
from tests.conftest import ROOT

PLACE = here(ROOT, load_site(ROOT / "site.yaml"))


def test_every_server_is_a_program_that_is_started_again_and_logs_within_bounds(
    tmp_path,
):
    everything = services(PLACE)
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(
        supervisor.configuration(tmp_path, everything, account="postgres")
    )

    for order, service in enumerate(everything):
        program = settings[f"program:{service.name}"]
        assert program["command"] == f"/bin/sh {tmp_path}/run/{service.name}.sh"
        assert program.getint("priority") == order
        assert program.getboolean("autorestart")
        assert program["stdout_logfile_maxbytes"] == "10MB"


def test_a_folder_where_nothing_was_started_has_nothing_to_stop(tmp_path):
    assert supervisor.states(tmp_path) == {}
    assert not supervisor.stop(tmp_path)
