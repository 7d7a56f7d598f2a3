"""Connections that nobody asked for, and what a node does that has no place for more."""
import os
import re
import resource
import signal
import time

from fakenet import FakeNet
from framework import equal, wait_until
from handmade import Peer

OUTBOUND = {"outbound-full-relay": 8, "block-relay-only": 2}


def of_type(n, kind):
    return [p for p in n.getpeerinfo() if p["connection_type"] == kind and p["version"]]


def is_connected(n):
    return all(len(of_type(n, kind)) == many for kind, many in OUTBOUND.items())


def group(address):
    return address.rsplit(".", 2)[0]


def automatic(case, net, *more):
    n = case.node(conf=f"proxy={net.proxy}\n", automatic=True)
    return n.start("-debug=net", *more)


def know(n, addresses):
    return sum(n.addpeeraddress(a, 8333)["success"] for a in addresses)


def honest(many):
    return [f"20.{i}.0.1" for i in range(many)]


def test_a_thousand_hostile_addresses_get_no_more_than_their_groups(case):
    with FakeNet() as net:
        n = automatic(case, net)
        know(n, honest(24))
        hostile = [f"66.{i % 4}.{i // 200}.{1 + i % 200}" for i in range(1000)]
        know(n, hostile)
        for _ in range(2):
            wait_until("ten connections", lambda: is_connected(n))
            peers = [p["addr"].split(":")[0] for p in n.getpeerinfo()]
            equal(len({group(a) for a in peers}), 10)
            assert sum(a in hostile for a in peers) <= 4, peers
            equal(n.getnetworkinfo()["connections_out"], 10)
            equal(n.getnetworkinfo()["connections_in"], 0)
            n.restart("-debug=net")


def test_anchors_are_tried_first(case):
    with FakeNet() as net:
        n = automatic(case, net)
        know(n, honest(40))
        wait_until("ten connections", lambda: is_connected(n))
        anchors = {p["addr"] for p in of_type(n, "block-relay-only")}
        n.stop()
        assert os.path.exists(n.path("anchors.dat"))
        assert "DumpAnchors: Flush 2 outbound block-relay-only peer addresses to anchors.dat" in n.log()
        before = len(net.names())
        n.start("-debug=net")
        assert not os.path.exists(n.path("anchors.dat"))
        wait_until("ten connections", lambda: is_connected(n))
        equal(set(net.names()[before:before + 2]), anchors)
        equal({p["addr"] for p in of_type(n, "block-relay-only")}, anchors)


def test_restarts_of_every_kind_lead_back_to_ten(case):
    with FakeNet() as net:
        n = automatic(case, net)
        know(n, honest(40))
        n.restart("-debug=net")  # so that the addresses are in the file
        for i in range(6):
            wait_until("some connection", lambda: n.getconnectioncount() > 0)
            if i % 2:
                n.process.send_signal(signal.SIGKILL)
                n.process.wait()
                n.process = None
                n.start("-debug=net")
            else:
                n.restart("-debug=net")
        wait_until("ten connections", lambda: is_connected(n))
        equal(n.getaddrmaninfo()["all_networks"]["total"], 40)


def test_connect_and_networkactive_end_it(case):
    with FakeNet() as net:
        n = automatic(case, net)
        know(n, honest(40))
        wait_until("ten connections", lambda: is_connected(n))
        n.setnetworkactive(False)
        equal(n.getconnectioncount(), 0)
        asked = len(net.names())
        n.setnetworkactive(True)
        wait_until("ten connections", lambda: is_connected(n))
        assert len(net.names()) > asked
        n.stop()
        asked = net.names()
        n.start("-debug=net", "-noconnect")
        Peer(n).close()  # it runs, and takes peers
        equal(net.names(), asked)


def test_few_connections_are_fewer_of_each_kind(case):
    with FakeNet() as net:
        n = automatic(case, net, "-maxconnections=9")
        know(n, honest(40))
        wait_until("nine connections", lambda: len(of_type(n, "outbound-full-relay")) == 8 and
                   len(of_type(n, "block-relay-only")) == 1)
        equal(n.getconnectioncount(), 9)


def test_a_seed_node_is_asked_when_nothing_is_known(case):
    with FakeNet() as net:
        n = automatic(case, net, "-seednode=seed.example:1234")
        wait_until("the seed node", lambda: "seed.example:1234" in net.names())
        wait_until("its kind", lambda: of_type(n, "addr-fetch"))
        assert "Empty addrman, adding seednode (seed.example:1234) to addrfetch" in n.log()


def test_who_offers_too_little_is_left(case):
    with FakeNet(services=8) as net:
        n = automatic(case, net)
        know(n, honest(3))
        wait_until("left", lambda: n.log().count("peer does not offer the expected services "
                                                 "(00000008 offered, 00000009 expected)") >= 1)
        assert not of_type(n, "outbound-full-relay")
        info = {a["address"]: a["services"] for a in n.getnodeaddresses(0)}
        assert 8 in info.values(), info  # and it is remembered


def test_a_stale_tip_brings_another_peer_for_a_while(case):
    with FakeNet() as net:
        n = automatic(case, net)
        now = int(time.time())
        n.setmocktime(now)
        block = n.generatetoaddress(1, "bcrt1q6z64a43mjgkcq0ul2znwneq3spghrlau9slefp")[0]
        net.headers = [bytes.fromhex(n.getblockheader(block, False))]
        know(n, honest(60))
        wait_until("ten connections", lambda: is_connected(n))

        def later(seconds):
            """Everybody has been heard since."""
            nonlocal now
            now += seconds
            n.setmocktime(now)
            wait_until("heard of all", lambda: all(p["lastrecv"] >= now for p in n.getpeerinfo()))
        for _ in range(4):
            later(600)
        wait_until("noticed", lambda: "Potential stale tip detected, will try using extra outbound "
                   "peer" in n.log())
        wait_until("one more", lambda: len(of_type(n, "outbound-full-relay")) == 9)
        later(130)
        wait_until("one less", lambda: "disconnecting extra outbound peer=" in n.log())
        wait_until("eight", lambda: len(of_type(n, "outbound-full-relay")) == 8)
        assert "setting try another outbound peer=false" in n.log()


# ---- inbound ----

def test_a_full_node_lets_go_whom_nothing_speaks_for(case):
    n = case.node().start("-debug=net", "-maxconnections=33", "-inboundrelaypercent=100")
    peers = [Peer(n) for _ in range(22)]
    equal(n.getconnectioncount(), 22)
    late = Peer(n)
    wait_until("made room", lambda: n.log().count("selected inbound connection for eviction, "
                                                  "disconnecting peer=") == 1)
    equal(n.getconnectioncount(), 22)
    left = {p["id"] for p in n.getpeerinfo()}
    assert late.id in left
    assert {p.id for p in peers[:4]} <= left  # the oldest of its group


def test_nobody_goes_for_a_stranger_whom_the_operator_protects(case):
    n = case.node().start("-debug=net", "-maxconnections=13", "-inboundrelaypercent=100",
                          "-whitelist=noban@127.0.0.1")
    there = [Peer(n) for _ in range(2)]
    try:
        Peer(n)
        raise AssertionError("a third peer was accepted")
    except (ConnectionError, OSError):
        pass
    assert "failed to find an eviction candidate - connection dropped (full)" in n.log()
    equal({p["id"] for p in n.getpeerinfo()}, {p.id for p in there})


def test_relaying_peers_have_a_share_of_the_places(case):
    n = case.node().start("-debug=net", "-maxconnections=13")  # two inbound, one of them relays
    first = Peer(n)
    try:
        Peer(n)
        raise AssertionError("a second one that relays was accepted")
    except (ConnectionError, OSError):
        pass
    assert ("failed to find a tx-relaying eviction candidate - connection dropped after version "
            "message" in n.log())
    equal([p["id"] for p in n.getpeerinfo()], [first.id])


def test_a_node_does_not_talk_to_itself(case):
    n = case.node().start("-debug=net")
    for v2 in (False, True):
        before = n.log().count("connected to self at 127.0.0.1:")
        n.addnode(f"127.0.0.1:{n.p2p_port}", "onetry", v2)
        wait_until("noticed", lambda: n.log().count("connected to self at 127.0.0.1:") > before)
        wait_until("gone", lambda: n.getconnectioncount() == 0)


def test_descriptors_are_raised_to_what_the_connections_need(case):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        n = case.node().start("-maxconnections=150")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = re.search(r"Using at most 150 automatic connections \((\d+) file descriptors", n.log())
    assert int(files[1]) >= 150 + 151 + 8 + 1, files[0]
