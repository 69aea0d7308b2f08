import pytest

from cxrmlops.dicom.archive.dimse_address import Peer, read_address
from cxrmlops.system.errors import ParamsError


def test_an_address_needs_title_host_and_port_only():
    assert read_address("PACS@archive.example:104") == Peer(
        called="PACS",
        host="archive.example",
        port=104,
        calling="CXRMLOPS",
        retrieve="get",
        listen="127.0.0.1",
        listen_port=11112,
    )


def test_an_address_may_say_how_images_come():
    peer = read_address(
        "MY%20PACS@10.0.0.1:104?calling=US&retrieve=move&port=4242&listen=0.0.0.0"
    )

    assert (peer.calling, peer.retrieve) == ("US", "move")
    assert (peer.listen, peer.listen_port) == ("0.0.0.0", 4242)
    assert peer.called == "MY PACS"


@pytest.mark.parametrize(
    "where",
    [
        "",
        "host:104",
        "PACS@host",
        "PACS@host:0",
        "PACS@host:99999",
        "PACS@host:port",
        "A-TITLE-THAT-IS-TOO-LONG@host:104",
        "PA%5CCS@host:104",
        "PACS:secret@host:104",
        "PACS@host:104?retrieve=push",
        "PACS@host:104?calling=",
        "PACS@host:104?colour=blue",
        "PACS@host:104?port=x",
        "PACS@host:104?port=65536",
        "PACS@host:104?port=-1",
        "PACS@host:65536",
        "PACS@[host:104",
    ],
)
def test_another_address_is_refused_in_one_sentence(where):
    with pytest.raises(
        ParamsError, match="is not understood; expected dimse:"
    ) as error:
        read_address(where)

    assert "secret" not in str(error.value)
