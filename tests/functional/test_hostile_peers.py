"""Peers that mean harm: the order of the handshake, garbage in every field, every size limit, floods,
and peers that are slow on purpose. After each the node serves an honest peer as before."""
import os
import random
import socket
import struct
import time

import peer
from framework import equal, wait_until
from handmade import (GENESIS, MSG_BLOCK, NETWORK, WITNESS, Block, Header, Peer, chain, compact, headers,
                      inv, locator, shown)

NOW = int(time.time())
LOG = "debug=net\n"
MB = 1 << 20


def short(test):
    test.short = True
    return test


def version(number=70016, services=NETWORK | WITNESS, agent=b"/test/", relay=b"\x01"):
    return (struct.pack("<iQq", number, services, NOW) + bytes(52) + os.urandom(8) +
            compact(len(agent)) + agent + struct.pack("<i", 0) + relay)


def logged(node, text):
    wait_until(f"log: {text}", lambda: text in node.log())


def closed(p, node, why):
    p.wait_closed()
    logged(node, why)


def names_until(p, last):
    got = []
    while not got or got[-1] != last:
        got.append(p.receive()[0])
    return got


def resident(node):
    with open(f"/proc/{node.process.pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def shaken(node):
    p = peer.V1.connect(node.p2p_port)
    p.greet()
    return p


def nobody_left(node):
    wait_until("all gone", lambda: not node.getpeerinfo())


# ---- the handshake ----

@short
def test_the_handshake_has_an_order(case):
    node = case.node(LOG + "v2transport=0\n").start()
    p = peer.V1.connect(node.p2p_port)
    for early in (b"verack", b"ping", b"getaddr", b"sendaddrv2"):  # before version: not heard
        p.send(early, bytes(8))
    p.send(b"version", version())
    equal(names_until(p, b"verack"), [b"version", b"wtxidrelay", b"sendaddrv2", b"verack"])
    logged(node, 'non-version message before version handshake. Message "getaddr"')
    for early in (b"ping", b"getheaders", b"inv"):  # before verack: not heard either
        p.send(early, bytes(8))
    p.send(b"wtxidrelay")
    p.send(b"wtxidrelay")
    p.send(b"sendaddrv2")
    p.send(b"sendtxrcncl", bytes(12))
    p.send(b"verack")
    first = p.receive()
    assert first[0] != b"pong", first
    logged(node, 'Unsupported message "getheaders" prior to verack')
    logged(node, "ignoring duplicate wtxidrelay")
    p.send(b"version", version())
    p.send(b"verack")
    p.ping()
    for line in ("redundant version message", "ignoring redundant verack message", "sendtxrcncl from peer=0 ignored"):
        assert line in node.log(), line


@short
def test_what_is_agreed_on_is_agreed_on_before_verack(case):
    node = case.node(LOG).start()
    for name in (b"wtxidrelay", b"sendaddrv2", b"feature"):
        p = shaken(node)
        p.send(name)
        closed(p, node, name.decode() + " received after verack")
    old = peer.V1.connect(node.p2p_port)  # nothing new is offered to old peers
    old.send(b"version", version(70015))
    equal(names_until(old, b"verack"), [b"version", b"verack"])
    old.send(b"wtxidrelay")
    logged(node, "ignoring wtxidrelay due to old common version=70015")
    old.send(b"feature", b"\x04abcd\0")
    closed(old, node, "feature received with incompatible version 70015")


def test_features_have_limits(case):
    node = case.node(LOG).start()

    def offer(payload):
        p = peer.V1.connect(node.p2p_port)
        p.send(b"version", version(70017))
        names_until(p, b"verack")
        p.send(b"feature", payload)
        return p

    def feature(name, data, more=b""):
        return compact(len(name)) + name + compact(len(data)) + data + more
    for good in (feature(b"abcd", b""), feature(b"x" * 80, bytes(512)), feature(b"\xff\xfe\n\0", b"1")):
        p = offer(good)
        p.send(b"verack")
        p.ping()
    logged(node, "unknown feature advertised: abcd")
    for bad in (b"", feature(b"abc", b""), feature(b"x" * 81, b""), feature(b"abcd", bytes(513)),
                feature(b"abcd", b"", b"1"), b"\x05abcd", b"\xff" + b"\xff" * 8):
        closed(offer(bad), node, "invalid feature payload")


@short
def test_obsolete_and_broken_versions(case):
    node = case.node(LOG).start()
    for number in (31799, 0, -1, -2**31):
        p = peer.V1.connect(node.p2p_port)
        p.send(b"version", version(number))
        closed(p, node, f"using obsolete version {number}, disconnecting")
    whole = version(agent=b"/a:1/")
    for n in range(len(whole)):  # cut anywhere; what was once a whole message still is
        p = peer.V1.connect(node.p2p_port)
        p.send(b"version", whole[:n])
        p.send(b"version", whole)
        got = names_until(p, b"verack")
        equal(got[0], b"version")
        p.sock.close()
    for agent in (b"x" * 256, b"\n\x1b[2J%n%s\xff<&>\"'", b""):
        p = peer.V1.connect(node.p2p_port)
        p.send(b"version", version(agent=agent))
        p.send(b"verack")
        p.expect(b"verack")
        p.ping()
        kept = "".join(c for c in agent.decode("latin-1") if c.isascii() and (c.isalnum() or c in " .,;-_/:?@()"))
        wait_until("shown", lambda: kept in [q["subver"] for q in node.getpeerinfo()])
        p.sock.close()
        nobody_left(node)
    p = peer.V1.connect(node.p2p_port)
    p.send(b"version", version(agent=b"x" * 257))  # as if it had said nothing
    p.send(b"version", version())
    p.expect(b"verack")


def test_garbage_in_every_field_of_a_version(case):
    node = case.node(LOG).start()
    rand = random.Random(1)
    for _ in range(150):
        payload = bytearray(version(agent=b"/some agent:1.0/"))
        for _ in range(rand.randrange(1, 12)):
            payload[rand.randrange(4, len(payload))] = rand.randrange(256)
        p = peer.V1.connect(node.p2p_port)
        p.send(b"version", bytes(payload))
        p.send(b"verack")
        p.sock.close()
    nobody_left(node)
    shaken(node)


@short
def test_a_connection_to_oneself_ends(case):
    node = case.node(LOG).start()
    node.addnode(node.address(), "onetry")
    logged(node, "connected to self at")
    nobody_left(node)
    nonces = set()
    for _ in range(5):  # nobody can tell from what a node says that two connections lead to it
        p = peer.V1.connect(node.p2p_port)
        p.send(b"version", version())
        nonces.add(p.expect(b"version")[72:80])
    equal(len(nonces), 5)


# ---- framing ----

@short
def test_frames_that_are_none(case):
    node = case.node(LOG).start()
    p = shaken(node)
    p.raw(p.frame(b"ping", bytes(8), magic=bytes(4)))
    closed(p, node, "Header error: Wrong MessageStart 00000000 received")
    p = shaken(node)
    p.raw(p.frame(b"inv", b"", length=4000001))
    closed(p, node, "Header error: Size too large (inv, 4000001 bytes)")
    p = shaken(node)
    p.raw(p.frame(b"inv", b"", length=2**32 - 1))
    closed(p, node, "Header error: Size too large (inv, 4294967295 bytes)")
    p = shaken(node)
    p.raw(p.frame(b"ping", bytes(8), checksum=b"oops"))
    p.raw(p.frame(b"pi\0ng", bytes(8)))
    p.raw(p.frame(b"pi\x07ng", bytes(8)))
    p.ping()
    assert "Header error: Wrong checksum (ping, 8 bytes)" in node.log()
    assert "Header error: Invalid message type" in node.log()


def test_random_bytes_after_a_handshake(case):
    node = case.node(LOG).start()
    node.mine(3)
    rand = random.Random(2)
    kinds = (b"inv", b"getdata", b"headers", b"getheaders", b"getblocks", b"block", b"tx", b"addr", b"addrv2",
             b"cmpctblock", b"blocktxn", b"getblocktxn", b"sendcmpct", b"feefilter", b"filterload", b"ping",
             b"pong", b"notfound", b"merkleblock", b"getcfilters", b"getcfheaders", b"mempool", b"nonsense")
    p = shaken(node)
    for i in range(600):
        size = rand.choice((0, 1, 8, 36, 37, 80, 81, 300))
        payload = rand.choice((bytes(size), rand.randbytes(size), compact(rand.randrange(2000)) + rand.randbytes(size),
                               b"\xff" * size))
        try:
            p.send(rand.choice(kinds), payload)
            if i % 10 == 0:
                p.ping()
        except (OSError, peer.Closed):
            p = shaken(node)
    q = Peer(node)
    equal(q.ask("getheaders", locator([GENESIS]))[0][1][0], 3)


# ---- size limits ----

@short
def test_every_list_has_a_limit(case):
    node = case.node(LOG + "peerbloomfilters=1\n").start()
    for name, payload, why in (
            ("inv", compact(50001) + bytes(36 * 50001), "inv message size = 50001"),
            ("getdata", compact(50001) + bytes(36 * 50001), "getdata message size = 50001"),
            ("headers", compact(2001) + bytes(81 * 2001), "headers message size = 2001"),
            ("getheaders", locator(["55" * 32] * 102), "getheaders locator size 102 > 101"),
            ("getblocks", locator(["55" * 32] * 102), "getblocks locator size 102 > 101"),
            ("filterload", compact(36001) + bytes(36001) + bytes(9), "too-large bloom filter"),
            ("filterload", b"\x01\0" + struct.pack("<IIB", 51, 0, 0), "too-large bloom filter"),
            ("filteradd", compact(521) + bytes(521), "bad filteradd message"),
            ("block", bytes(80) + compact(16667) + bytes(200000), "block with 16667 transactions")):
        Peer(node).rejected(name, payload, why)
    p = Peer(node)  # the largest that are allowed
    p.send("inv", compact(50000) + bytes(36 * 50000))
    p.send("getheaders", locator(["55" * 32] * 101))
    p.send("filterload", compact(36000) + bytes(36000) + struct.pack("<IIB", 50, 0, 0))
    p.send("filteradd", compact(520) + bytes(520))
    p.settle()


@short
def test_filters_are_refused_unless_offered(case):
    node = case.node(LOG).start()
    tip = node.mine(1)[0]
    for name, payload, why in (
            ("filterload", b"\x01\0" + bytes(9), "filterload received despite not offering bloom services"),
            ("filteradd", b"\x01\0", "filteradd received despite not offering bloom services"),
            ("filterclear", b"", "filterclear received despite not offering bloom services"),
            ("mempool", b"", "mempool request with bloom filters disabled"),
            ("getdata", inv((3, tip)), "filtered block request received when NODE_BLOOM service disabled")):
        Peer(node).rejected(name, payload, why)
    node.restart("-whitelist=bloomfilter@127.0.0.1")
    p = Peer(node)
    assert struct.unpack("<Q", next(m for n, m in p.seen if n == "version")[4:12])[0] & 4
    equal(p.ask("getdata", inv((3, tip))), [])  # no filter: no answer
    p.send("filterload", b"\0" + bytes(9))  # matches all
    names = [n for n, _ in p.ask("getdata", inv((3, tip)))]
    equal(names, ["merkleblock", "tx"])
    p.send("filterload", b"\x08" + bytes(8) + struct.pack("<IIB", 3, 0, 0))
    got = p.ask("getdata", inv((3, tip)))
    equal([n for n, _ in got], ["merkleblock"])
    block = node.getblock(tip)
    equal(got[0][1][80:85], struct.pack("<IB", 1, 1))
    equal(shown(got[0][1][85:117]), block["merkleroot"])
    equal(node.getpeerinfo()[0]["relaytxes"], True)
    p.send("filterclear")
    equal(p.ask("getdata", inv((3, tip))), [])
    p.rejected("filteradd", b"\x01\0", "bad filteradd message")


# ---- floods ----

def test_inventories_without_end(case):
    node = case.node(LOG).start()
    p = Peer(node)
    p.send("headers", headers([]))
    p.settle()
    before = resident(node)
    for k in range(6):
        p.send("inv", compact(50000) + b"".join(
            struct.pack("<IQQQQ", MSG_BLOCK, k, i, 0, 0) for i in range(50000)))
    p.settle()
    equal([n for n, _ in p.seen].count("getheaders"), 2)  # at the start, and once for all of these
    assert resident(node) - before < 60 * MB


def test_headers_without_work(case):
    node = case.node(LOG + "debug=validation\nminimumchainwork=0x4000\n").start()
    line = []
    prev = GENESIS
    for k in range(2000):
        line.append(Header(prev, at=NOW - 5000 + k))
        prev = line[-1].hash
    before = resident(node)
    full, part = headers(line), headers(line[:1999])
    peers = [Peer(node) for _ in range(12)]
    for _ in range(4):
        for p in peers:
            p.send("headers", part)
            p.send("headers", full)  # begins a presync, or goes on with none
    for p in peers:
        p.settle()
    equal(len(node.getchaintips()), 1)
    assert "Ignoring low-work chain (height=1999)" in node.log()
    assert resident(node) - before < 60 * MB


def test_who_asks_and_does_not_read(case):
    node = case.node(LOG).start()
    tip = node.mine(1)[0]
    before = resident(node)
    greedy = [Peer(node) for _ in range(5)]
    for p in greedy:
        p.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        p.socket.settimeout(0.2)
        try:
            for _ in range(100):
                p.send("getdata", inv(*[(MSG_BLOCK, tip)] * 50000))
        except TimeoutError:
            pass  # it has enough
    honest = Peer(node)
    for _ in range(20):
        equal([n for n, _ in honest.ask("getdata", inv((MSG_BLOCK, tip)))], ["block"])
    assert resident(node) - before < 150 * MB


def test_pings_that_nobody_hears_answered(case):
    node = case.node(LOG).start()
    before = resident(node)
    p = Peer(node)
    p.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    p.socket.settimeout(0.5)
    one = peer.V1(p.socket).frame(b"ping", bytes(8))
    p.socket.settimeout(0.5)
    sent = 0
    try:
        while sent < 64 * MB:
            p.socket.sendall(one * 4096)
            sent += len(one) * 4096
    except TimeoutError:
        pass
    assert sent < 64 * MB
    assert resident(node) - before < 60 * MB
    Peer(node)


# ---- slowness ----

@short
def test_bytes_now_and_then_buy_no_time(case):
    node = case.node(LOG).start()
    node.setmocktime(NOW)
    slow, silent, half = (peer.V1.connect(node.p2p_port) for _ in range(3))
    half.send(b"version", version())  # and no verack
    half.expect(b"verack")
    frame = slow.frame(b"version", version())
    slow.raw(frame[:20])
    wait_until("three", lambda: node.getconnectioncount() == 3)
    node.setmocktime(NOW + 50)
    slow.raw(frame[20:21])
    wait_until("heard", lambda: any(p["bytesrecv"] == 21 for p in node.getpeerinfo()))
    node.setmocktime(NOW + 61)
    for p in (slow, silent, half):
        p.wait_closed()
    logged(node, "version handshake timeout")
    nobody_left(node)


def test_connections_that_come_to_nothing(case):
    node = case.node(LOG).start()
    before = resident(node)
    for k in range(300):
        s = socket.create_connection(("127.0.0.1", node.p2p_port))
        if k % 3 == 0:  # a reset, not an orderly end
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if k % 3 == 1:
            s.sendall(os.urandom(k))
        s.close()
    nobody_left(node)
    assert resident(node) - before < 20 * MB
    shaken(node)


def test_a_refused_batch_of_proved_headers_is_the_last(case):
    """A peer that the operator chose is not dropped for a bad header: what it sends after one must
    not be taken for the rest of a chain that has proved its work."""
    node = case.node(LOG + "debug=validation\nminimumchainwork=0x5000\n").start()  # 10,240 blocks
    there = peer.Listener()
    node.addnode(there.address, "onetry", False)
    p = there.accept(peer.V1)
    p.expect(b"version")
    p.send(b"version", version())
    p.send(b"verack")
    p.expect(b"verack")
    p.ping()
    line, prev = [], GENESIS
    for k in range(12000):
        line.append(Header(prev, at=1 if k == 20 else NOW - 20000 + k))  # one is too old
        prev = line[-1].hash
    pieces = [headers(line[k:k + 2000]) for k in range(0, 12000, 2000)]
    for piece in pieces + pieces:
        p.send(b"headers", piece)
        p.ping()
    assert "Not punishing manually connected peer" in node.log()
    assert "missing prev block" not in node.log()
    equal(node.getchaintips()[0]["height"], 20)
    equal(node.getconnectioncount(), 1)
