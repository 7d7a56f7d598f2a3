"""How connections to peers are framed: version 1, version 2 (BIP324), and who falls back to what."""
import os
import threading

from framework import equal, expect_error, wait_until
from peer import MAGIC, V1, V1_PREFIX, V2, Listener


SERVICES = 1 | 8 | 1024  # NETWORK, WITNESS, NETWORK_LIMITED


def short(test):
    test.short = True
    return test


def p2p_port(node):
    with open(os.path.join(node.datadir, "quoin.conf")) as f:
        return int(next(x for x in f if x.startswith("port=")).split("=")[1])


def peers(node):
    return node.getpeerinfo()


def only(node, **want):
    """The one peer, once its fields are these."""
    def there():
        p = peers(node)
        return len(p) == 1 and all(p[0][k] == v for k, v in want.items()) and p[0]
    return wait_until(f"one peer with {want}", there)


def logged(node, text, do, *args):
    before = node.log().count(text)
    do(*args)
    wait_until(f"log: {text}", lambda: node.log().count(text) > before)


def connect(a, b, *v2):
    """a to b; what each then says of the other."""
    a.addnode(f"127.0.0.1:{p2p_port(b)}", "onetry", *v2)
    for n in (a, b):
        wait_until("pong", lambda: len(peers(n)) == 1 and
                   peers(n)[0]["bytesrecv_per_msg"].get("pong", 0) >= 29)
    return peers(a)[0], peers(b)[0]


def disconnect(a, b):
    a.disconnectnode(nodeid=peers(a)[0]["id"])
    for n in (a, b):
        wait_until("no peers", lambda: not peers(n))


@short
def test_nodes_choose_the_version_together(case):
    new, new2 = case.node().start("-debug=net"), case.node().start("-debug=net")
    old, old2 = case.node().start("-debug=net", "-v2transport=0"), case.node().start("-v2transport=0")
    retry = "retrying with v1 transport protocol"
    for a, b, args, version in ((new, new2, (), "v2"), (new, new2, (True,), "v2"),
                                (new, new2, (False,), "v1"), (new, old, (), "v1"),
                                (old, new, (), "v1"), (old, new, (False,), "v1"),
                                (old, old2, (), "v1")):
        tries = a.log().count(retry)
        ours, theirs = connect(a, b, *args)
        equal((ours["transport_protocol_type"], theirs["transport_protocol_type"]), (version, version))
        equal(ours["session_id"], theirs["session_id"])
        equal(len(ours["session_id"]), 64 if version == "v2" else 0)
        equal((ours["inbound"], theirs["inbound"]), (False, True))
        equal("P2P_V2" in ours["servicesnames"], b in (new, new2))
        equal(ours["bytesrecv_per_msg"]["pong"] % 32, 29 if version == "v2" else 0)
        equal("start sending v2 handshake to peer" in a.log(), a is new)
        equal(a.log().count(retry) - tries, int((a, b) == (new, old)))
        disconnect(a, b)
    for command in ("onetry", "add"):
        expect_error(-8, "Error: v2transport requested but not enabled (see -v2transport)",
                     old.addnode, f"127.0.0.1:{p2p_port(new)}", command, True)
    equal((new.getnetworkinfo()["localservicesnames"], old.getnetworkinfo()["localservices"]),
          (["NETWORK", "WITNESS", "NETWORK_LIMITED", "P2P_V2"], "0000000000000409"))


@short
def test_a_handshake_by_hand(case):
    n = case.node().start("-debug=net")
    port = p2p_port(n)
    for garbage, decoys, slowly in ((b"", 0, False), (bytes(4095), 0, False), (os.urandom(100), 5, True)):
        p = V2.connect(port)
        p.shake(True, garbage, decoys, slowly)
        only(n, transport_protocol_type="v2", session_id=p.s.id, inbound=True)
        version = p.greet()
        equal(int.from_bytes(version[4:12], "little"), SERVICES | 1 << 11)
        for _ in range(240 if slowly else 1):  # beyond a change of keys, both ways
            p.ping()
        p.sock.close()
        wait_until("no peers", lambda: not peers(n))


def test_nothing_is_said_before_it_is_time(case):
    n = case.node().start("-debug=net")
    p = V2.connect(p2p_port(n))
    only(n, transport_protocol_type="detecting", session_id="", bytessent=0)
    p.raw(V1_PREFIX[:15])
    only(n, bytesrecv=15, bytessent=0, transport_protocol_type="detecting")
    p.raw(b"\1")  # no v1 peer: the key and garbage come, the terminator has to wait for our key
    sent = wait_until("key", lambda: peers(n)[0]["bytessent"])
    assert 64 <= sent <= 64 + 4095, sent
    p.raw(bytes(47))
    only(n, bytesrecv=63, bytessent=sent)
    p.raw(b"\1")
    only(n, bytesrecv=64, bytessent=sent + 16 + 20, transport_protocol_type="detecting", session_id="")


def test_version_1_is_known_by_sixteen_bytes(case):
    n = case.node().start("-debug=net")
    p = V1.connect(p2p_port(n))
    p.raw(V1_PREFIX[:15])
    only(n, bytesrecv=15, transport_protocol_type="detecting")
    p.raw(V1_PREFIX[15:])
    only(n, bytesrecv=16, bytessent=0, transport_protocol_type="v1")
    p.sock.close()
    wait_until("no peers", lambda: not peers(n))
    p = V1.connect(p2p_port(n))
    p.greet()
    only(n, transport_protocol_type="v1", session_id="")
    for frame, why in ((p.frame(b"badmsg\x01", b"ab", checksum=b"\xff" * 4),
                        "Header error: Wrong checksum (badmsg, 2 bytes), expected a1ff8f18 was ffffffff"),
                       (p.frame(b"bad\0msg", b"d"), "Header error: Invalid message type (bad, 1 bytes)")):
        logged(n, why, p.raw, frame)
        p.ping()
    equal(peers(n)[0]["bytesrecv_per_msg"]["*other*"], 26 + 25)
    p.send(b"nobodyknows", bytes(100000))
    p.raw(p.frame(b"ping", b"12345678"), slowly=True)
    equal(p.expect(b"pong"), b"12345678")
    for frame, why in ((p.frame(b"ping", magic=b"\xff" * 4), "Header error: Wrong MessageStart ffffffff received"),
                       (p.frame(b"ping", length=4000001), "Header error: Size too large (ping, 4000001 bytes)")):
        p = V1.connect(p2p_port(n))
        p.greet()
        logged(n, why, p.raw, frame)
        p.wait_closed()


def test_what_is_spoiled_ends_the_connection(case):
    n = case.node().start("-debug=net")
    port = p2p_port(n)
    wrong = "V2 transport error: packet decryption failure"
    missing = "V2 transport error: missing garbage terminator"

    def flip(what, at=0):
        def tamper(part, data):
            data = bytearray(data)
            if part == what:
                data[at] ^= 1
            return bytes(data)
        return tamper

    def shake(garbage, tamper, more):
        p = V2.connect(port)
        try:
            p.shake(True, garbage, 1, tamper=tamper)
            p.raw(more)
        except AssertionError:  # with another key nothing that comes makes sense
            p.raw(more)
        except OSError:
            pass
        p.wait_closed()
    for tamper, why in ((flip("garbage", 5), wrong), (flip("terminator"), missing),
                        (flip("decoy", 5), wrong), (flip("version", 3), wrong),
                        (flip("version", -1), wrong)):
        logged(n, why, shake, bytes(50), tamper, bytes(4095))
    for junk, why in ((MAGIC[::-1] + V1_PREFIX[4:] + b"rest", "V2 transport error: V1 peer with wrong MessageStart"),
                      (bytes(64 + 4095 + 16), missing)):
        p = V2.connect(port)
        logged(n, why, p.raw, junk)
        p.wait_closed()
    p = V2.connect(port)
    p.raw(bytes(64 + 4095 + 15))
    only(n, bytesrecv=64 + 4095 + 15, transport_protocol_type="detecting")
    p.sock.close()


def test_packets_after_the_handshake(case):
    n = case.node().start("-debug=net")
    p = V2.connect(p2p_port(n)).shake()
    p.greet()
    dropped = 0
    for contents in (b"", b"\x63d", b"\0short", b"\0na\0me".ljust(13, b"\0")):
        logged(n, f"V2 transport error: invalid message type ({len(contents)} bytes contents)",
               p.raw, p.s.seal(contents))
        dropped += len(contents) + 20
        p.raw(p.s.seal(os.urandom(300), decoy=True))
        p.ping()
    equal(peers(n)[0]["bytesrecv_per_msg"]["*other*"], dropped)
    p.raw(p.s.seal(p.contents(b"ping", b"12345678")), slowly=True)
    equal(p.expect(b"pong"), b"12345678")
    logged(n, "V2 transport error: packet too large (4000014 bytes)", p.raw,
           p.s.seal(b"", length=4000014))
    p.wait_closed()
    p = V2.connect(p2p_port(n)).shake()
    p.greet()
    packet = bytearray(p.s.seal(p.contents(b"ping", b"12345678")))
    packet[10] ^= 1
    logged(n, "V2 transport error: packet decryption failure (9 bytes)", p.raw, packet)
    assert b"12345678" not in p.wait_closed()


@short
def test_a_node_that_connects(case):
    n = case.node().start("-debug=net")
    there = Listener()
    n.addnode(there.address, "onetry")
    p = there.accept(V2)
    p.shake(False, b"garbage", 3)
    p.greet()
    only(n, transport_protocol_type="v2", session_id=p.s.id, inbound=False)
    p.sock.close()
    wait_until("no peers", lambda: not peers(n))
    assert there.nobody(), "a peer that spoke version 2 is not tried with version 1"


def test_who_hangs_up_without_a_word_is_tried_with_version_1(case):
    n = case.node().start("-debug=net")
    for word in (b"", b"x"):
        there = Listener()
        n.addnode(there.address, "onetry", True)
        p = there.accept(V1)
        head = p.read(64)
        assert not head.startswith(MAGIC)
        p.raw(word)
        if word:
            only(n, bytesrecv=1)
            p.sock.close()
            assert there.nobody()
            continue
        p.sock.close()
        p = there.accept(V1)
        p.greet()
        only(n, transport_protocol_type="v1", session_id="")
        p.sock.close()
        assert there.nobody()
        wait_until("no peers", lambda: not peers(n))


def test_a_handshake_has_a_deadline(case):
    n = case.node().start("-debug=net", "-peertimeout=1")
    p = V2.connect(p2p_port(n))
    p.raw(bytes(30))
    equal(len(p.wait_closed()) >= 64, True)
    wait_until("log", lambda: "V2 handshake timeout" in n.log())
    p = V1.connect(p2p_port(n))
    p.raw(V1_PREFIX)
    p.wait_closed()
    wait_until("log", lambda: "socket no message in first 1 seconds, never sent to peer" in n.log())
    p = V1.connect(p2p_port(n))
    p.hello()
    p.wait_closed()
    wait_until("log", lambda: "version handshake timeout" in n.log())


def test_more_than_is_taken_at_once(case):
    """Reading pauses when much waits for its turn, and nothing is lost."""
    n = case.node().start("-debug=net")
    p = V1.connect(p2p_port(n))
    p.greet()
    many = b"".join(p.frame(b"ping", i.to_bytes(8, "little") + bytes(30000)) for i in range(1000))
    writer = threading.Thread(target=p.raw, args=(many,))
    writer.start()
    for i in range(1000):
        equal(p.expect(b"pong"), i.to_bytes(8, "little"))
    writer.join()
    p = V2.connect(p2p_port(n))
    p.shake()
    p.greet()
    many = b"".join(p.s.seal(p.contents(b"ping", i.to_bytes(8, "little") + bytes(200))) for i in range(300))
    p.raw(many)
    for i in range(300):
        equal(p.expect(b"pong"), i.to_bytes(8, "little"))


def test_the_deadline_follows_the_mocked_clock(case):
    n = case.node().start("-debug=net", "-peertimeout=50")
    now = 2000000000
    n.setmocktime(now)
    p = V2.connect(p2p_port(n))
    p.raw(bytes(30))
    only(n, bytesrecv=30)
    n.setmocktime(now + 50)
    n.ping()
    only(n, bytesrecv=30)
    logged(n, "V2 handshake timeout, disconnecting peer=0", n.setmocktime, now + 51)
    p.wait_closed()


def test_version_2_switched_off(case):
    n = case.node().start("-debug=net", "-v2transport=0")
    p = V2.connect(p2p_port(n))
    logged(n, "Header error: Wrong MessageStart 00000000 received", p.raw, bytes(64))
    equal(p.wait_closed(), b"")
    p = V1.connect(p2p_port(n))
    equal(int.from_bytes(p.greet()[4:12], "little"), SERVICES)
