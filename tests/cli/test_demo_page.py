"""The page of a demonstration: its address is its own once it is named."""

from __future__ import annotations

import socket

from recon.cli.demo.page import listening_page


def test_two_demonstrations_at_once_name_two_addresses_and_each_answers_at_its_own() -> None:
    with listening_page() as one, listening_page() as other:
        assert one.listen != other.listen
        for page in (one, other):
            host, port = page.listen.split(":")
            with socket.create_connection((host, int(port))) as client:
                connection, address = page.bound.accept()
                with connection:
                    assert address == client.getsockname()
