"""What one peer can do to a node: rules of headers, blocks and requests, each with the log line that
Core has for it."""
import os
import struct
import time

from framework import equal, wait_until
from handmade import (GENESIS, LIMITED, MSG_BLOCK, MSG_TX, MSG_WITNESS_BLOCK, WITNESS, Block, Header,
                  Peer, chain, compact, headers, inv, locator, shown)

NOW = int(time.time())
LOG = "debug=net\ndebug=validation\n"


def hashes_asked(payload):
    """Of a getdata."""
    return [shown(payload[1 + 36 * i + 4:1 + 36 * i + 36]) for i in range(payload[0])]


def short(test):
    test.short = True
    return test


@short
def test_headers_come_first_and_blocks_are_asked_for_in_order(case):
    node = case.node(LOG).start()
    p = Peer(node)
    blocks = chain(GENESIS, 1, NOW - 3000, 20)
    p.send("headers", headers([b.header for b in blocks]))
    asked = hashes_asked(p.wait("getdata"))
    equal(asked, [b.hash for b in blocks[:16]])
    info = node.getpeerinfo()[0]
    equal((info["synced_headers"], info["inflight"]), (20, list(range(1, 17))))
    for b in blocks[:16][::-1]:
        p.send("block", b.raw)
    p.settle()
    wait_until("connected", lambda: node.getblockcount() == 16)
    p.settle()
    equal(hashes_asked(next(m for n, m in reversed(p.seen) if n == "getdata"))[-1], blocks[19].hash)
    for b in blocks[16:]:
        p.send("block", b.raw)
    p.settle()
    equal(node.getblockcount(), 20)
    equal(node.getpeerinfo()[0]["inflight"], [])


@short
def test_bad_headers_cost_the_connection(case):
    node = case.node(LOG).start()
    bad = Header(GENESIS, at=NOW, work=False)
    Peer(node).rejected("headers", headers([bad]), "header with invalid proof of work")
    a, b = Header(GENESIS, at=NOW), Header("11" * 32, at=NOW)
    Peer(node).rejected("headers", headers([a, b]), "non-continuous headers sequence")
    Peer(node).rejected("headers", compact(2001) + b"\0" * 162081, "headers message size = 2001")
    old = Header(GENESIS, at=1)
    Peer(node).rejected("headers", headers([old]), "invalid header received")
    equal(node.getchaintips(), [{"height": 0, "hash": GENESIS, "branchlen": 0, "status": "active"}])


def test_a_header_from_the_future_is_left_aside(case):
    node = case.node(LOG).start()
    p = Peer(node)
    later = Block(GENESIS, 1, NOW + 9000)
    p.send("headers", headers([later.header]))
    p.settle()  # still there
    node.setmocktime(NOW + 2000)
    p.send("headers", headers([later.header]))
    equal(hashes_asked(p.wait("getdata")), [later.hash])


def test_headers_that_do_not_connect_are_asked_for(case):
    node = case.node(LOG).start()
    p = Peer(node)
    p.send("headers", headers([]))  # ends the request made at the start
    blocks = chain(GENESIS, 1, NOW - 3000, 3)
    got = p.ask("headers", headers([blocks[2].header]))
    equal([name for name, _ in got], ["getheaders"])
    p.send("headers", headers([b.header for b in blocks]))
    equal(len(hashes_asked(p.wait("getdata"))), 3)


def test_an_inv_leads_to_getheaders(case):
    node = case.node(LOG).start()
    p = Peer(node)
    p.send("headers", headers([]))
    equal([n for n, _ in p.ask("inv", inv((MSG_BLOCK, "22" * 32)))], ["getheaders"])
    p.settle()
    assert "getheaders" not in [n for n, _ in p.ask("inv", inv((MSG_BLOCK, GENESIS)))]
    p.rejected("inv", compact(50001) + b"\0" * 36 * 50001, "inv message size = 50001")


@short
def test_bad_blocks_cost_the_connection(case):
    node = case.node(LOG).start()
    p = Peer(node)
    good = Block(GENESIS, 1, NOW - 3000)
    mutated = good.header.raw + b"\x01" + Block(GENESIS, 1, NOW, 9).tx
    p.rejected("block", mutated, "Received mutated block")
    p = Peer(node)
    p.send("block", good.raw)
    p.settle()
    equal(node.getbestblockhash(), good.hash)  # the hash is not held against the true block
    wrong = Block(good.hash, 1, NOW - 2000)  # height of the one before
    p.rejected("block", wrong.raw, "bad-cb-height")
    equal(node.getbestblockhash(), good.hash)
    # From now on its header is bad as well, and so are those on top of it.
    q = Peer(node)
    q.ask("headers", headers([wrong.header]))  # from an inbound peer: no offence by itself
    on_top = Header(wrong.hash, at=NOW - 1000)
    q.rejected("headers", headers([on_top]), "invalid header received")


def test_unasked_blocks_are_kept_only_when_they_matter(case):
    node = case.node(LOG).start()
    node.mine(2)
    p = Peer(node)
    start = node.getblockheader(node.getblockhash(1))["time"]
    side = chain(GENESIS, 1, start, 3, 7)
    p.send("block", side[0].raw)  # less work than the tip
    p.settle()
    tips = {t["hash"]: t["status"] for t in node.getchaintips()}
    equal(tips[side[0].hash], "headers-only")
    p.send("block", side[1].raw)  # as much work: kept, but it came later
    p.settle()
    equal(node.getblockcount(), 2)
    p.send("headers", headers([b.header for b in side]))
    p.settle()
    for b in (side[0], side[2]):
        p.send("block", b.raw)
    p.settle()
    equal(node.getbestblockhash(), side[2].hash)


def test_below_minimum_work_nothing_is_kept(case):
    node = case.node(LOG + "minimumchainwork=0x2000\n").start()  # 4,095 blocks
    p = Peer(node)
    at, prev = NOW - 9000, GENESIS
    line = []
    for k in range(4200):
        line.append(Header(prev, at=at + k))
        prev = line[-1].hash
    p.send("headers", headers(line[:100]))
    p.settle()
    assert "Ignoring low-work chain (height=100)" in node.log()
    p.send("block", Block(GENESIS, 1, NOW).raw)
    p.settle()
    equal(len(node.getchaintips()), 1)
    for first in (0, 2000):  # the first pass
        p.send("headers", headers(line[first:first + 2000]))
        p.settle()
        equal(node.getpeerinfo()[0]["presynced_headers"], first + 2000)
        equal(len(node.getchaintips()), 1)
    p.send("headers", headers(line[4000:]))
    p.settle()
    assert "reached sufficient work at height=4200" in node.log()
    for first in (0, 2000):
        p.send("headers", headers(line[first:first + 2000]))
        p.settle()
        equal(len(node.getchaintips()), 1)
    p.send("headers", headers(line[4000:]))
    p.settle()
    equal(node.getchaintips()[0]["height"], 4200)
    equal(node.getpeerinfo()[0]["presynced_headers"], -1)


@short
def test_requests_are_answered(case):
    node = case.node(LOG).start()
    made = node.mine(5)
    p = Peer(node)
    got = p.ask("getheaders", locator([GENESIS], made[2]))
    equal([(n, m[0]) for n, m in got], [("headers", 3)])
    assert shown(got[0][1][1 + 4:1 + 36]) == GENESIS
    got = p.ask("getheaders", locator([], made[4]))
    equal([(n, m[0]) for n, m in got], [("headers", 1)])
    got = p.ask("getblocks", locator([made[1]]))
    equal([(n, m[0]) for n, m in got], [("inv", 3)])
    got = p.ask("getdata", inv((MSG_WITNESS_BLOCK, made[0]), (MSG_TX, "33" * 32),
                               (MSG_BLOCK, made[0]), (MSG_BLOCK, "44" * 32)))
    equal([n for n, _ in got], ["block", "notfound", "block"])
    whole = node.getblock(made[0], 0)
    equal(got[0][1].hex(), whole)
    assert len(got[2][1]) == len(got[0][1]) - 36  # marker, flag, one item of 32 bytes
    equal(got[2][1][:80].hex(), whole[:160])
    p.rejected("getheaders", locator(["55" * 32] * 102), "getheaders locator size 102 > 101")
    p = Peer(node)
    p.rejected("getdata", compact(50001) + b"\0" * 36 * 50001, "getdata message size = 50001")


def test_old_forks_are_not_given(case):
    node = case.node(LOG).start()
    p = Peer(node)
    node.setmocktime(NOW - 40 * 86400)
    fork = Block(GENESIS, 1, NOW - 40 * 86400, 5)
    p.send("block", fork.raw)
    p.settle()
    equal(node.getbestblockhash(), fork.hash)
    node.invalidateblock(fork.hash)
    node.mine(2)
    node.reconsiderblock(fork.hash)

    def answer(name, payload):
        return [n for n, _ in p.ask(name, payload) if n in ("block", "headers")]
    ask_block, ask_header = inv((MSG_BLOCK, fork.hash)), locator([], fork.hash)
    equal((answer("getdata", ask_block), answer("getheaders", ask_header)), (["block"], ["headers"]))
    node.setmocktime(NOW)
    node.mine(1)
    equal((answer("getdata", ask_block), answer("getheaders", ask_header)), ([], []))
    assert "for old block that isn't in the main chain" in node.log()


def test_a_pruned_node_says_so_and_gives_the_last_two_days(case):
    node = case.node(LOG + "prune=1\n").start()
    made = node.mine(300)
    names = node.getnetworkinfo()["localservicesnames"]
    equal(names, ["WITNESS", "NETWORK_LIMITED", "P2P_V2"])
    p = Peer(node)
    equal([n for n, _ in p.ask("getdata", inv((MSG_BLOCK, made[10])))], ["block"])
    p.rejected("getdata", inv((MSG_BLOCK, made[8])), "below NODE_NETWORK_LIMITED threshold")


def test_a_limited_peer_is_asked_for_recent_blocks_only(case):
    node = case.node(LOG).start()
    node.mine(1)  # out of the initial download
    p = Peer(node, LIMITED | WITNESS)
    blocks = chain(GENESIS, 1, NOW - 3000, 400)
    p.send("headers", headers([b.header for b in blocks]))
    asked = hashes_asked(p.wait("getdata"))
    assert blocks[0].hash not in asked and len(asked) == 16
    equal(asked[0], blocks[400 - 286].hash)


def test_a_staller_loses_its_place(case):
    node = case.node(LOG).start()
    node.setmocktime(NOW)
    blocks = chain(GENESIS, 1, NOW - 3000, 1100)
    line = headers([b.header for b in blocks])
    by_hash = {b.hash: b for b in blocks}
    slow, fast = Peer(node), Peer(node)
    slow.send("headers", line)
    slow.wait("getdata")
    fast.send("headers", line)
    while "Stall started" not in node.log():
        for name, payload in list(fast.seen):
            if name == "getdata":
                for h in hashes_asked(payload):
                    fast.send("block", by_hash[h].raw)
        fast.seen.clear()
        fast.settle()
    node.setmocktime(NOW + 1)
    fast.settle()
    assert "Peer is stalling" not in node.log()
    node.setmocktime(NOW + 3)
    slow.gone()
    wait_until("told", lambda: "Peer is stalling block download" in node.log())


def test_a_block_that_never_comes_is_asked_of_another(case):
    node = case.node(LOG).start()
    node.setmocktime(NOW)
    b = Block(GENESIS, 1, NOW - 3000)
    first, second = Peer(node), Peer(node)
    first.send("headers", headers([b.header]))
    equal(hashes_asked(first.wait("getdata")), [b.hash])
    second.send("headers", headers([b.header]))
    assert "getdata" not in second.settle()
    node.setmocktime(NOW + 601)
    first.gone()
    assert "Timeout downloading block" in node.log()
    equal(hashes_asked(second.wait("getdata")), [b.hash])
    second.send("block", b.raw)
    second.settle()
    equal(node.getblockcount(), 1)


def test_getblockfrompeer(case):
    node = case.node(LOG).start()
    node.mine(3)
    p = Peer(node)
    side = Block(GENESIS, 1, node.getblockheader(node.getblockhash(1))["time"], 3)
    p.send("headers", headers([side.header]))
    p.settle()
    equal(node.getblockfrompeer(side.hash, p.id), {})
    equal(hashes_asked(p.wait("getdata")), [side.hash])
    p.send("block", side.raw)
    p.settle()
    equal(len(node.getblock(side.hash)["tx"]), 1)


def test_new_tips_are_told_as_the_peer_likes_them(case):
    node = case.node(LOG).start()
    node.mine(1)
    p = Peer(node)
    p.settle()
    tip = node.mine(1)[0]
    equal(shown(p.wait("inv")[5:37]), tip)
    p.ask("getheaders", locator([tip]))  # now it is known to have the tip
    p.seen.clear()
    tip = node.mine(1)[0]
    equal(shown(p.wait("inv")[5:37]), tip)
    assert "headers" not in [n for n, _ in p.seen]
    p.ask("getheaders", locator([tip]))
    p.send("sendheaders")
    node.mine(1)
    equal(p.wait("headers")[0], 1)
    node.mine(1)
    equal(p.wait("headers")[0], 1)


def test_messages_are_dealt_with_in_order_however_many(case):
    node = case.node(LOG).start()
    p = Peer(node)
    blocks = chain(GENESIS, 1, NOW - 3000, 60)
    for b in blocks:
        p.send("block", b.raw)
    for _ in range(4):
        p.send("nonsense", os.urandom(3000000))
    p.send("getheaders", locator([GENESIS]))
    equal(p.wait("headers")[0], 60)
    equal(node.getblockcount(), 60)
    p.send("headers", b"\x05" + b"\0" * 10)  # ends early: costs nothing
    p.send("getdata", struct.pack("<B", 200))
    p.send("block", blocks[0].raw[:-3])
    p.settle()
