"""Every notation of an address that is not public is refused, before or after the look-up."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.addresses import AddressRefused, is_public, pinned, target_of
from services.delivery.network import look_up

INSIDE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
    "0.0.0.0", "0", "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
    "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a00:1]", "[64:ff9b::10.0.0.1]", "[2002:7f00:1::]", "[2001:0:1::1]",
    "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%lo]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]",
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "１２７.０.０.１", "ⓛocalhost", "127。0。0。1",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_no_notation_of_an_inner_address_passes(host: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        target_of(f"https://{host}/hook", ())
    assert "hook" not in str(refused.value) and host.strip("[]") not in str(refused.value).split()


@pytest.mark.parametrize(
    "url",
    [
        "http://bot.example/", "ftp://bot.example/", "file:///etc/passwd", "//bot.example/", "https:///x", "https://",
        "https://user:pw@bot.example/", "https://bot.example:0/", "https://bot.example:99999/",
        "https://bot.example\\@127.0.0.1/", "https://bot.example/\n", "https://bot.example/a b", "https://bo t/",
        "https://bot.example/#f", "https://bot..example/", "https://-bot.example/", "https://bot.example/é",
        "https://" + "a" * 2_048, "https://[::1", "https://8.8.8.8.8/", "https://0x8.8.8.8/",
    ],
)  # fmt: skip
def test_what_is_no_https_address_of_a_receiver_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        target_of(url, ())


def test_a_public_receiver_and_one_allowed_by_name_pass() -> None:
    target = target_of("https://Bot.Example:8443/hook?key=1", ())
    assert (target.host, target.port, target.path, target.authority) == (
        "bot.example", 8443, "/hook?key=1", "bot.example:8443",
    )  # fmt: skip
    assert target_of("https://[2606:4700::1111]/", ()).authority == "[2606:4700::1111]"
    assert target_of("https://bücher.example/", ()).host == "xn--bcher-kva.example"
    assert target_of("http://localhost:9000/", ("localhost:9000",)).is_allowed
    assert target_of("http://127.0.0.1:9/", ("127.0.0.1",)).is_allowed and target_of("https://[::1]/", ["[::1]"])
    for elsewhere in ("http://localhost:9001/", "https://localhost/"):
        with pytest.raises(AddressRefused):
            target_of(elsewhere, ("localhost:9000",))


@given(st.integers(0, 2**32 - 1))
def test_an_address_inside_an_ipv6_address_counts_as_itself(number: int) -> None:
    inner = ipaddress.IPv4Address(number)
    expected = inner.is_global and not inner.is_multicast and not inner.is_reserved
    assert is_public(str(inner)) == is_public(f"::ffff:{inner}") == is_public(f"64:ff9b::{inner}") == expected
    assert not is_public(str(ipaddress.IPv6Address(0x2002 << 112 | number << 80)))


def test_the_look_up_happens_once_and_every_address_found_counts() -> None:
    asked: list[str] = []

    def changing(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    assert pinned("rebind.example", 443, False, changing) == ["93.184.216.34"] and asked == ["rebind.example"]
    with pytest.raises(AddressRefused):
        pinned("rebind.example", 443, False, changing)
    with pytest.raises(AddressRefused):
        pinned("both.example", 443, False, lambda *_: ["93.184.216.34", "10.0.0.1"])
    assert pinned("bot.lan", 443, True, lambda *_: ["10.0.0.1", "10.0.0.1"]) == ["10.0.0.1"]
    with pytest.raises(OSError, match="no address"):
        pinned("none.example", 443, False, lambda *_: [])


def test_the_machines_own_look_up_reads_old_notations_and_the_result_is_refused() -> None:
    try:
        found = look_up("0x7f.1", 443)
    except socket.gaierror:
        return  # this machine's resolver does not read them
    assert found == ["127.0.0.1"] and not is_public(found[0])
