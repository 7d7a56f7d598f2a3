"""Addresses that peers tell each other: how many are heard, who is told, who gets an answer."""
import ipaddress
import struct
import time

from framework import equal, wait_until
from handmade import Peer, compact
from peer import V1, Listener

NOW = int(time.time())
LOG = "debug=net\n"
TORV3 = 4


def short(test):
    test.short = True
    return test


def addr(*ips, at=NOW, services=9):
    """Payload of "addr"."""
    return compact(len(ips)) + b"".join(
        struct.pack("<IQ", at, services) + b"\0" * 10 + b"\xff\xff" + ipaddress.ip_address(ip).packed +
        struct.pack(">H", 8333) for ip in ips)


def addrv2(*entries, at=NOW):
    """Payload of "addrv2" of (network, bytes)."""
    return compact(len(entries)) + b"".join(
        struct.pack("<I", at) + b"\x09" + bytes([net]) + compact(len(raw)) + raw + struct.pack(">H", 8333)
        for net, raw in entries)


def some(n, first=0):
    return [str(ipaddress.ip_address("23.1.0.0") + 256 * (first + i) + 7) for i in range(n)]


def told(peer):
    """Addresses of all "addr" messages that came."""
    out = []
    for name, payload in peer.seen:
        if name == "addr":
            start = 1 if payload[0] < 253 else 3
            out += [str(ipaddress.ip_address(payload[i + 24:i + 28])) for i in range(start, len(payload), 30)]
    return out


def pass_time(node, peers, seconds):
    """Until everything that is due has been sent."""
    pass_time.now += seconds
    node.setmocktime(pass_time.now)
    for p in peers:
        p.settle()
        p.settle()


def begin(case, *args):
    node = case.node(LOG).start(*args)
    pass_time.now = NOW
    node.setmocktime(NOW)
    return node


@short
def test_a_flood_is_heard_by_the_drop(case):
    node = begin(case)
    p = Peer(node)
    equal(node.getpeerinfo()[0]["addr_relay_enabled"], False)
    p.ask("addr", addr(*some(1000)))
    info = node.getpeerinfo()[0]
    equal((info["addr_relay_enabled"], info["addr_processed"], info["addr_rate_limited"]), (True, 1, 999))
    equal(node.getaddrmaninfo()["all_networks"]["total"], 1)
    pass_time(node, [p], 100)
    for i in range(1, 5):
        p.ask("addr", addr(*some(1000, 1000 * i)))
    info = node.getpeerinfo()[0]
    equal((info["addr_processed"], info["addr_rate_limited"]), (11, 4989))
    assert node.getaddrmaninfo()["all_networks"]["total"] <= 11


@short
def test_an_address_is_passed_on_to_two(case):
    node = begin(case)
    peers = [Peer(node) for _ in range(6)]
    for p in peers:
        p.ask("addr", addr())
    for _ in range(6):  # in steps, or peers would seem to be gone
        pass_time(node, peers, 600)  # saves up for some addresses, too
    peers[0].ask("addr", addr(*some(5), at=pass_time.now))
    pass_time(node, peers, 600)
    equal(told(peers[0]), [])
    heard = sum((told(p) for p in peers), [])
    equal(sorted(heard), sorted(2 * some(5)))
    peers[0].ask("addr", addr(*some(5), at=pass_time.now))  # again: nobody who knows them is told
    peers[0].ask("addr", addr(*some(11, 50), at=pass_time.now))  # long ones are not passed on
    pass_time(node, peers, 600)
    # Whom an address is passed on to changes once a day, at another time for each: others may be told now.
    for p in peers:
        equal(len(set(told(p))), len(told(p)))
    assert set(sum((told(p) for p in peers), [])) == set(heard)


@short
def test_too_many_cost_the_connection(case):
    node = begin(case)
    Peer(node).rejected("addr", addr(*some(1001)), "addr message size = 1001")
    Peer(node).rejected("addrv2", addrv2(*[(1, bytes([23, 1, i // 256, i % 256])) for i in range(1001)]),
                        "addrv2 message size = 1001")
    p = Peer(node)
    p.ask("addr", addr(*some(3))[:-1])  # ends early: costs nothing
    p.ask("addrv2", addrv2((TORV3, b"x" * 31)))
    assert "BIP155 TORv3 address with length 31 (should be 32)" in node.log()
    info = node.getpeerinfo()[0]
    equal((info["addr_relay_enabled"], info["addr_processed"]), (False, 0))
    p.ask("addrv2", addrv2((99, b"unknown"), (1, bytes([23, 1, 1, 1]))))
    pass_time(node, [p], 20)
    p.ask("addrv2", addrv2((99, b"unknown"), (1, bytes([23, 1, 1, 1]))))
    equal(node.getaddrmaninfo()["all_networks"]["total"], 1)
    p.rejected("sendaddrv2", b"", "sendaddrv2 received after verack, disconnecting peer")


@short
def test_getaddr_is_answered_once_and_alike(case):
    node = begin(case)
    for i in range(400):
        node.addpeeraddress("%d.%d.1.1" % (23 + i // 200, i % 200), 8333)
    known = node.getaddrmaninfo()["all_networks"]["total"]
    a, b = Peer(node), Peer(node)
    for p in (a, b):
        p.ask("getaddr", b"")
        p.settle()
    equal(len(told(a)), known * 23 // 100)
    equal(sorted(told(a)), sorted(told(b)))
    a.ask("getaddr", b"")
    assert 'Ignoring repeated "getaddr". peer=%d' % a.id in node.log()
    pass_time(node, [a], 600)
    equal(len(told(a)), known * 23 // 100)
    pass_time(node, [], 27 * 3600)
    c = Peer(node)
    c.ask("getaddr", b"")
    c.settle()
    assert sorted(told(c)) != sorted(told(a))
    node.setban("23.0.0.0/8", "add")
    assert all(x["address"].startswith("24.") for x in node.getnodeaddresses(0))


def test_only_who_understands_them_gets_onion_addresses(case):
    node = begin(case)
    old, new, source = Peer(node), Peer(node, early=["sendaddrv2"]), Peer(node)
    for p in (old, new):
        p.ask("addr", addr())
    pass_time(node, [old, new, source], 600)
    source.ask("addrv2", addrv2((TORV3, bytes(range(32))), at=pass_time.now))
    pass_time(node, [old, new], 600)
    equal([m for n, m in new.seen if n == "addrv2"], [addrv2((TORV3, bytes(range(32))), at=pass_time.now - 600)])
    equal([n for n, _ in old.seen if n.startswith("addr")], [])


def test_who_we_connect_to_is_asked_and_gets_no_answer(case):
    node = begin(case)
    for i in range(50):
        node.addpeeraddress("%d.1.1.1" % (23 + i), 8333)
    listener = Listener()
    node.addnode(listener.address, "onetry", False)
    p = listener.accept(V1)
    p.expect(b"version")
    p.hello()
    p.send(b"verack")
    p.expect(b"getaddr")
    p.send(b"getaddr")
    p.ping()
    assert 'Ignoring "getaddr" from manual connection.' in node.log()
    p.send(b"addr", addr(*some(1000)))
    p.ping()
    info = node.getpeerinfo()[0]
    equal((info["addr_processed"], info["addr_rate_limited"]), (1000, 0))


def test_who_may_floods_as_it_likes(case):
    node = begin(case, "-whitelist=addr@127.0.0.1")
    p = Peer(node)
    for i in range(3):
        p.ask("addr", addr(*some(1000, 1000 * i)))
    info = node.getpeerinfo()[0]
    equal((info["addr_processed"], info["addr_rate_limited"]), (3000, 0))
    wait_until("kept", lambda: node.getaddrmaninfo()["all_networks"]["total"] > 500)


def test_our_address_is_told_first_and_alone(case):
    node = begin(case, "-externalip=42.42.42.42:1234")
    node.mine(1)  # out of the initial download
    equal(node.getnetworkinfo()["localaddresses"], [{"address": "42.42.42.42", "port": 1234, "score": 4}])
    for i in range(100):
        node.addpeeraddress("%d.1.1.1" % (50 + i), 8333)
    p = Peer(node)
    p.ask("getaddr", b"")
    p.settle()
    equal(told(p)[0], "42.42.42.42")
    first, second = (m for n, m in p.seen if n == "addr")
    equal((first[0], struct.unpack(">H", first[29:31])[0], struct.unpack("<I", first[1:5])[0]), (1, 1234, NOW))
    assert second[0] > 10 and "42.42.42.42" not in told(p)[1:]
    p.seen.clear()
    pass_time(node, [p], 40 * 86400)  # it is said about once a day
    equal(told(p), ["42.42.42.42"])
