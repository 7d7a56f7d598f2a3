"""Compact filters served to light clients (BIP157)."""
import struct

from framework import equal, wait_until
from handmade import Peer, compact, sha256d, shown, wire
from test_peer import short

FILTERS = 64  # service bit
CONF = "debug=net\nblockfilterindex=1\npeerblockfilters=1\n"


def span(start, stop, kind=0):
    return struct.pack("<BI", kind, start) + wire(stop)


def node_with(case, n, conf=CONF):
    node = case.node(conf).start()
    made = [node.getblockhash(0)] + node.mine(n)
    wait_until("indexed", lambda: node.getindexinfo()["basic block filter index"]["synced"])
    return node, made


def header_of(node, block):
    return wire(node.getblockfilter(block)["header"])


@short
def test_filters_headers_and_checkpoints(case):
    node, made = node_with(case, 1010)
    p = Peer(node)
    got = p.ask("getcfilters", span(0, made[150]))  # more than are read at once
    equal(len(got), 151)
    for (name, payload), block in zip(got, made):
        want = bytes.fromhex(node.getblockfilter(block)["filter"])
        equal((name, payload), ("cfilter", b"\0" + wire(block) + compact(len(want)) + want))
    hashes = [sha256d(bytes.fromhex(node.getblockfilter(b)["filter"])) for b in made[:10]]
    equal(p.ask("getcfheaders", span(0, made[9])),
          [("cfheaders", b"\0" + wire(made[9]) + bytes(32) + compact(10) + b"".join(hashes))])
    equal(p.ask("getcfheaders", span(4, made[6])),
          [("cfheaders", b"\0" + wire(made[6]) + header_of(node, made[3]) + compact(3) +
            b"".join(hashes[4:7]))])
    equal(p.ask("getcfcheckpt", b"\0" + wire(made[1010])),
          [("cfcheckpt", b"\0" + wire(made[1010]) + compact(1) + header_of(node, made[1000]))])
    equal(p.ask("getcfcheckpt", b"\0" + wire(made[999])),
          [("cfcheckpt", b"\0" + wire(made[999]) + compact(0))])
    equal(len(p.ask("getcfilters", span(11, made[1010]))), 1000)
    assert "COMPACT_FILTERS" in node.getnetworkinfo()["localservicesnames"]


def test_other_messages_wait_until_all_filters_are_sent(case):
    node, made = node_with(case, 300)
    p = Peer(node)
    p.send("getcfilters", span(1, made[300]))
    p.send("getcfcheckpt", b"\0" + wire(made[5]))
    p.settle()
    equal([n for n, _ in p.seen if n.startswith("cf")], ["cfilter"] * 300 + ["cfcheckpt"])


def test_requests_that_cannot_be_answered_cost_the_connection(case):
    node, made = node_with(case, 2100)
    refused = [("getcfilters", span(0, made[1000]), "too many cfilters/cfheaders: 1001 / 1000"),
               ("getcfheaders", span(1, made[2001]), "too many cfilters/cfheaders: 2001 / 2000"),
               ("getcfilters", span(8, made[7]), "start height 8 and stop height 7"),
               ("getcfheaders", span(0, "12" * 32), "requested invalid block hash: " + "12" * 32),
               ("getcfcheckpt", b"\0" + wire("12" * 32), "requested invalid block hash"),
               ("getcfilters", span(0, made[1], kind=1), "unsupported block filter type: 1"),
               ("getcfcheckpt", b"\xff" + wire(made[1]), "unsupported block filter type: 255")]
    for name, payload, why in refused:
        Peer(node).rejected(name, payload, why)
    p = Peer(node)
    equal(p.ask("getcfilters", span(0, made[1])[:-1]), [])
    assert "ProcessMessages(getcfilters, 36 bytes): Exception 'DataStream::read(): end of data' caught" in node.log()
    equal(len(p.ask("getcfheaders", span(100, made[2099]))[0][1]), 33 + 32 + 3 + 2000 * 32)


def test_filters_of_a_branch_that_was_left(case):
    node, made = node_with(case, 20)
    old = {b: node.getblockfilter(b) for b in made[15:]}
    node.invalidateblock(made[16])
    new = node.mine(6, "52")
    wait_until("indexed", lambda: node.getindexinfo()["basic block filter index"]["synced"])
    node.reconsiderblock(made[16])
    p = Peer(node)
    got = p.ask("getcfilters", span(15, made[20]))
    equal([shown(m[1:33]) for _, m in got], made[15:])
    equal([m[34:].hex() for _, m in got], [old[b]["filter"] for b in made[15:]])
    got = p.ask("getcfheaders", span(17, new[-1]))
    equal(got[0][1][33:65], header_of(node, new[0]))


def test_without_leave_nothing_is_served(case):
    node, made = node_with(case, 2, "debug=net\nblockfilterindex=1\n")
    assert "COMPACT_FILTERS" not in node.getnetworkinfo()["localservicesnames"]
    Peer(node).rejected("getcfcheckpt", b"\0" + wire(made[1]), "unsupported block filter type: 0")
    other = case.node("peerblockfilters=1\n")
    other.fails("Cannot set -peerblockfilters without -blockfilterindex.")
