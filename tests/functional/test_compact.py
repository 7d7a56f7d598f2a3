"""Compact blocks (BIP152), both roles: what is told, asked, put together, and who is believed."""
import struct

from bip152 import MSG_CMPCT, Full, ask, asked, hello, ids_of, payments, short_id
from framework import equal, same_tip, wait_until
from handmade import (MSG_BLOCK, MSG_WITNESS_BLOCK, Block, Peer, compact, headers, inv, locator,
                      sha256d, shown, wire)
from test_peer import hashes_asked, short

LOG = "debug=net\ndebug=validation\ndebug=cmpctblock\n"
BTC = 100000000


class Kit:
    """A node whose first coinbases can be spent, and blocks to make on its tip."""

    def __init__(self, case, conf=LOG, n=105):
        self.node = case.node(conf).start()
        self.made = self.node.mine(n)
        self.used = 0

    def coin(self):
        self.used += 1
        return wire(self.node.getblock(self.made[self.used - 1])["tx"][0])

    def block(self, n_tx=4, salt=0):
        """The next block, with this many transactions besides the coinbase."""
        tip = self.node.getblockheader(self.node.getbestblockhash())
        txs = payments(self.coin(), n_tx, 50 * BTC) if n_tx else []
        return Full(tip["hash"], tip["height"] + 1, tip["time"] + 1, txs, salt)

    def peer(self, hb=False):
        p = Peer(self.node)
        p.send("sendcmpct", hello(0))
        if hb:
            b = self.block(0)
            p.send("block", b.raw)
            p.settle()
            equal(self.node.getbestblockhash(), b.hash)
            assert self.info(p)["bip152_hb_to"]
        return p

    def info(self, p):
        return next(i for i in self.node.getpeerinfo() if i["id"] == p.id)

    def tip_is(self, b):
        equal(self.node.getbestblockhash(), b.hash)


def names(messages):
    return [n for n, _ in messages]


def asked_whole(answer, b):
    equal([(n, hashes_asked(m), m[1:5]) for n, m in answer if n == "getdata"],
          [("getdata", [b.hash], struct.pack("<I", MSG_WITNESS_BLOCK))])


# ---- sending ----

@short
def test_blocks_are_told_by_compact_ones_to_who_asks_for_it(case):
    k = Kit(case)
    p = Peer(k.node)
    equal([m for n, m in p.seen if n == "sendcmpct"], [hello(0)])
    tip = k.node.getbestblockhash()
    p.ask("getheaders", locator([tip]))

    def next_told():
        p.settle()  # what it was sent before is heard before the block is there
        p.seen.clear()
        tip = k.node.mine(1)[0]
        wait_until("told", lambda: p.settle() or True)
        got = {n for n, _ in p.seen} & {"cmpctblock", "headers", "inv"}
        p.ask("getheaders", locator([tip]))
        return tip, got
    equal(next_told()[1], {"inv"})
    for word in (hello(1, 1), hello(1, 3), hello(0, 2)):
        p.send("sendcmpct", word)
        equal(next_told()[1], {"inv"})
    p.send("sendcmpct", hello(1))
    p.settle()
    assert k.info(p)["bip152_hb_from"] and not k.info(p)["bip152_hb_to"]
    tip, got = next_told()
    equal(got, {"cmpctblock"})
    told = next(m for n, m in p.seen if n == "cmpctblock")
    equal(shown(sha256d(told[:80])), tip)
    p.send("sendheaders")
    equal(next_told()[1], {"cmpctblock"})
    p.send("sendcmpct", hello(0))
    equal(next_told()[1], {"headers"})
    assert not k.info(p)["bip152_hb_from"]
    p.rejected("sendcmpct", hello(2), "invalid sendcmpct announce field")


def test_short_ids_are_those_of_bip152(case):
    k = Kit(case)
    b = k.block(5)
    p = k.peer()
    p.ask("getheaders", locator([k.node.getbestblockhash()]))
    p.send("sendcmpct", hello(1))
    k.node.submitblock(b.raw.hex())
    told = p.wait("cmpctblock")
    nonce, ids, rest = ids_of(told)
    equal(told[:80], b.header.raw)
    equal(ids, [short_id(b.header.raw, nonce, sha256d(t)) for t in b.txs[1:]])
    equal(rest, b"\x01\x00" + b.txs[0])
    # The same on request, for a while; then the whole block.
    again = p.ask("getdata", inv((MSG_CMPCT, b.hash)))
    equal(again, [("cmpctblock", told)])
    k.node.mine(5)
    equal(names(p.ask("getdata", inv((MSG_CMPCT, b.hash))))[-1:], ["cmpctblock"])
    k.node.mine(1)
    got = [m for m in p.ask("getdata", inv((MSG_CMPCT, b.hash))) if m[0] == "block"]
    equal(got, [("block", b.raw)])


@short
def test_missing_transactions_are_given(case):
    k = Kit(case)
    b = k.block(5)
    k.node.submitblock(b.raw.hex())
    p = k.peer()
    equal(p.ask("getblocktxn", ask(b.hash, [0, 1, 0])), [("blocktxn", b.answer([0, 2, 3]))])
    last = k.node.mine(10)[-1]
    equal(p.ask("getblocktxn", ask(b.hash, [5]))[-1:], [("blocktxn", b.answer([5]))])
    k.node.mine(1)
    got = [m for m in p.ask("getblocktxn", ask(b.hash, [5])) if m[0] in ("block", "blocktxn")]
    equal(got, [("block", b.raw)])
    equal(p.ask("getblocktxn", ask("77" * 32, [0])), [])
    p.rejected("getblocktxn", ask(last, [1]), "getblocktxn with out-of-bounds tx indices")
    p = k.peer()
    p.rejected("getblocktxn", ask(last, []), "getblocktxn received with no transaction indexes")
    p = k.peer()
    p.send("getblocktxn", ask(last, [0xffff, 0]))  # past the last place that there can be
    p.send("getblocktxn", wire(last) + compact(200) + b"\0")
    p.settle()
    assert "differential value overflow" in k.node.log()


def test_a_block_is_told_before_it_is_connected_and_once(case):
    k = Kit(case)
    p = k.peer()
    p.ask("getheaders", locator([k.node.getbestblockhash()]))
    p.send("sendcmpct", hello(1))
    p.settle()
    b = k.block(3)
    bad = Full(shown(b.header.raw[4:36]), k.node.getblockcount() + 1,
               struct.unpack("<I", b.header.raw[68:72])[0], b.txs[2:])  # spends what is not there
    equal(k.node.submitblock(bad.raw.hex()), "bad-txns-inputs-missingorspent")
    equal(shown(sha256d(p.wait("cmpctblock")[:80])), bad.hash)  # its form was right
    k.node.submitblock(b.raw.hex())
    equal(shown(sha256d(p.wait("cmpctblock")[:80])), b.hash)
    early = [line for line in k.node.log().splitlines() if "NewPoWValidBlock sending" in line]
    equal(len(early), 1)  # only the first block of a height is told early
    p.settle()
    equal(names(p.seen).count("cmpctblock"), 2)


# ---- receiving ----

@short
def test_who_brings_new_blocks_is_asked_to_announce_them(case):
    k = Kit(case)
    peers = [k.peer(hb=True) for _ in range(3)]
    equal([[m for n, m in p.seen if n == "sendcmpct"] for p in peers], [[hello(0), hello(1)]] * 3)
    fourth = k.peer(hb=True)
    peers[0].settle()
    equal([m for n, m in peers[0].seen if n == "sendcmpct"], [hello(0), hello(1), hello(0)])
    equal([k.info(p)["bip152_hb_to"] for p in peers + [fourth]], [False, True, True, True])
    # One that does so again goes to the end of the row.
    b = k.block(0)
    peers[1].send("block", b.raw)
    peers[1].settle()
    k.tip_is(b)
    k.peer(hb=True)
    equal([k.info(p)["bip152_hb_to"] for p in peers + [fourth]], [False, True, False, True])


@short
def test_missing_transactions_are_asked_for(case):
    k = Kit(case)
    p = k.peer(hb=True)
    b = k.block(5)
    answer = p.ask("cmpctblock", b.compact(prefilled=(0, 3)))
    equal([(n, asked(m)) for n, m in answer if n == "getblocktxn"], [("getblocktxn", [1, 2, 4, 5])])
    equal(k.info(p)["inflight"], [k.node.getblockcount() + 1])
    p.send("blocktxn", b.answer([1, 2, 4, 5]))
    p.settle()
    k.tip_is(b)
    equal(k.info(p)["inflight"], [])
    equal(names(p.ask("blocktxn", b.answer([1]))), [])
    assert "block transactions for block we weren't expecting" in k.node.log()


def test_nothing_is_asked_for_when_all_is_there(case):
    k = Kit(case)
    p = k.peer(hb=True)
    b = k.block(2)
    assert "getblocktxn" not in names(p.ask("cmpctblock", b.compact(prefilled=(0, 1, 2))))
    k.tip_is(b)


def test_transactions_of_a_block_that_left_the_chain_are_known(case):
    k = Kit(case)
    p = k.peer(hb=True)
    b = k.block(6)
    k.node.submitblock(b.raw.hex())
    k.node.invalidateblock(b.hash)
    prev, at = shown(b.header.raw[4:36]), struct.unpack("<I", b.header.raw[68:72])[0]
    other = Full(prev, k.node.getblockcount() + 1, at, b.txs[1:], salt=9)
    assert "getblocktxn" not in names(p.ask("cmpctblock", other.compact()))
    k.tip_is(other)
    assert "6 txn from mempool (incl at least 6 from extra pool) and 0 txn" in k.node.log()


@short
def test_compact_blocks_are_asked_of_who_has_the_next_one(case):
    k = Kit(case)
    p = k.peer()
    b = k.block(2)
    answer = p.ask("headers", headers([b.header]))
    equal([m for n, m in answer if n == "getdata"], [inv((MSG_CMPCT, b.hash))])
    answer = p.ask("cmpctblock", b.compact())  # asked for, so from anybody
    equal([asked(m) for n, m in answer if n == "getblocktxn"], [[1, 2]])
    p.send("blocktxn", b.answer([1, 2]))
    p.settle()
    k.tip_is(b)


def test_unasked_ones_count_from_chosen_peers_only(case):
    k = Kit(case)
    p = k.peer()
    b = k.block(1)
    asked_whole(p.ask("cmpctblock", b.compact(prefilled=(0, 1))), b)  # its header counts
    assert "not marked as high-bandwidth, sent us an unsolicited compact block!" in k.node.log()
    assert k.node.getbestblockhash() != b.hash
    stranger = Peer(k.node)
    equal(names(stranger.ask("cmpctblock", b.compact())), [])
    assert "despite never having sent us a SENDCMPCT" in k.node.log()


# ---- lies ----

def test_a_wrong_number_of_transactions_costs_the_connection(case):
    k = Kit(case)
    for places in ([], [1], [1, 2, 3, 4, 4]):
        p = k.peer(hb=True)
        b = k.block(4)
        assert "getblocktxn" in names(p.ask("cmpctblock", b.compact()))
        p.rejected("blocktxn", b.answer(places),
                   "invalid compact block/non-matching block transactions")
    assert k.node.getbestblockhash() != b.hash


@short
def test_wrong_transactions_lead_to_the_whole_block(case):
    k = Kit(case)
    p = k.peer(hb=True)
    b = k.block(4)
    p.ask("cmpctblock", b.compact())
    asked_whole(p.ask("blocktxn", b.answer([1, 2, 3, 3])), b)
    equal(k.info(p)["inflight"], [k.node.getblockcount() + 1])
    equal(names(p.ask("cmpctblock", b.compact())), [])
    assert "Peer sent us compact block we were already syncing!" in k.node.log()
    p.send("block", b.raw)
    p.settle()
    k.tip_is(b)
    b = k.block(4)
    p.ask("cmpctblock", b.compact())
    p.ask("blocktxn", b.answer([1, 2, 3, 3]))
    p.rejected("blocktxn", b.answer([1, 2, 3, 4]),
               "previous compact block reconstruction attempt failed")


def test_equal_or_crowded_short_ids_lead_to_the_whole_block(case):
    k = Kit(case)
    p = k.peer(hb=True)
    b = k.block(4)
    asked_whole(p.ask("cmpctblock", b.compact(ids=[b"\1" * 6] * 4)), b)
    equal(names(p.ask("cmpctblock", b.compact(ids=[b"\1" * 6] * 4))), [])
    p.send("block", b.raw)
    p.settle()
    k.tip_is(b)
    b = k.block(4)
    crowd = [struct.pack("<Q", n << 24)[:6] for n in range(1000)]
    asked_whole(p.ask("cmpctblock", b.compact(ids=crowd)), b)


def test_what_cannot_be_a_block_costs_the_connection(case):
    k = Kit(case)
    b = k.block(1)
    null = struct.pack("<i", 2) + bytes(6)
    for wrong in (b.compact(prefilled=((3, b.txs[0]),), ids=[b"\1" * 6]),
                  b.compact(prefilled=((0xffff, b.txs[0]),), ids=[]),
                  b.compact(prefilled=((0, null),), ids=[]),
                  b.compact(prefilled=(), ids=[])):
        p = k.peer(hb=True)
        b = k.block(1)
        p.rejected("cmpctblock", b.header.raw + wrong[80:], "invalid compact block")
    p = k.peer(hb=True)
    b = k.block(1)
    too_many = [struct.pack("<Q", n * 0x9e3779b97f4b)[:6] for n in range(0x10000)]
    for odd in (b.compact(ids=too_many), b.compact(prefilled=((0x10000, b.txs[0]),)),
                b.compact()[:-5], b.header.raw + bytes(8) + b"\xfe\xff\xff\xff\x00"):
        equal(names(p.ask("cmpctblock", odd)), [])
    for text in ("indexes overflowed 16 bits", "CompactSize exceeds limit of type", "end of data"):
        assert text in k.node.log(), text
    equal(k.node.getblockheader(k.node.getbestblockhash())["height"], k.node.getblockcount())


def test_an_invalid_block_is_no_offence_but_building_on_it_is(case):
    k = Kit(case)
    p = k.peer(hb=True)
    tip, at = k.node.getbestblockhash(), k.node.getblockheader(k.node.getbestblockhash())["time"]
    b = k.block(3)
    bad = Full(tip, k.node.getblockcount() + 1, at + 1, b.txs[2:], salt=3)
    everything = tuple(range(len(bad.txs)))
    for _ in range(2):  # the second time its header is known to be bad
        p.send("cmpctblock", bad.compact(prefilled=everything))
        p.settle()
        equal(k.node.getbestblockhash(), tip)
    top = Block(bad.hash, k.node.getblockcount() + 2, at + 2)
    top.txs = [top.tx]
    p.rejected("cmpctblock", Full.compact(top), "invalid header via cmpctblock")


def test_no_more_than_four_unfinished_blocks_are_kept_for_a_peer(case):
    k = Kit(case)
    p = k.peer(hb=True)
    tip = k.node.getblockheader(k.node.getbestblockhash())
    for salt in range(5):
        b = Full(tip["hash"], tip["height"] + 1, tip["time"] + 1, [], salt)
        answer = p.ask("cmpctblock", b.compact(ids=[b"\1" * 6]))
        equal([asked(m) for n, m in answer if n == "getblocktxn"], [[1]] if salt < 4 else [])
    asked_whole(answer, b)


def test_poor_and_unconnected_headers_are_passed_over(case):
    k = Kit(case, n=160)
    p = k.peer(hb=True)
    at = k.node.getblockheader(k.made[3])["time"] + 1
    low = Full(k.made[3], 5, at, [], salt=2)
    equal(names(p.ask("cmpctblock", low.compact())), [])
    assert f"Ignoring low-work compact block from peer {p.id}" in k.node.log()
    assert low.hash not in {t["hash"] for t in k.node.getchaintips()}
    p.send("headers", headers([]))
    lost = Full("66" * 32, 161, at, [])
    equal(names(p.ask("cmpctblock", lost.compact())), ["getheaders"])


def test_blocks_far_above_the_tip_are_fetched_whole(case):
    k = Kit(case)
    p = k.peer(hb=True)
    tip = k.node.getblockheader(k.node.getbestblockhash())
    line, prev = [], tip["hash"]
    for n in range(3):
        line.append(Full(prev, tip["height"] + 1 + n, tip["time"] + 1 + n, []))
        prev = line[-1].hash
    answer = p.ask("cmpctblock", line[0].compact(ids=[b"\1" * 6]))
    equal([asked(m) for n, m in answer if n == "getblocktxn"], [[1]])
    answer = p.ask("cmpctblock", line[1].compact(ids=[b"\1" * 6]))
    equal([asked(m) for n, m in answer if n == "getblocktxn"], [[1]])
    answer = p.ask("cmpctblock", line[2].compact())
    asked_whole(answer, line[2])


# ---- several peers ----

@short
def test_at_most_three_peers_are_asked_for_one_block(case):
    k = Kit(case)
    slow, *rest = [k.peer() for _ in range(4)]
    for p in rest:
        b = k.block(0)
        p.send("block", b.raw)
        p.settle()
    equal([k.info(p)["bip152_hb_to"] for p in (slow, *rest)], [False, True, True, True])
    b = k.block(4)
    slow.send("headers", headers([b.header]))
    equal(slow.wait("getdata"), inv((MSG_CMPCT, b.hash)))
    assert "getblocktxn" in names(slow.ask("cmpctblock", b.compact()))
    assert "getblocktxn" in names(rest[0].ask("cmpctblock", b.compact()))
    # The last place is kept for a peer that we chose ourselves; these came by themselves.
    assert "getblocktxn" not in names(rest[1].ask("cmpctblock", b.compact()))
    rest[0].send("blocktxn", b.answer([1, 2, 3, 4]))
    rest[0].settle()
    k.tip_is(b)
    equal([k.info(p)["inflight"] for p in (slow, *rest)], [[]] * 4)
    equal(names(slow.ask("blocktxn", b.answer([1, 2, 3, 4]))), [])


def test_a_staller_does_not_hold_up_who_has_all(case):
    k = Kit(case)
    slow, fast = k.peer(hb=True), k.peer(hb=True)
    b = k.block(3)
    assert "getblocktxn" in names(slow.ask("cmpctblock", b.compact()))
    lie = b.answer([1, 2, 2])
    assert "getblocktxn" in names(fast.ask("cmpctblock", b.compact()))
    equal(names(fast.ask("blocktxn", lie)), [])  # not the first: wait for that one
    assert "waiting on first download to complete" in k.node.log()
    assert "getblocktxn" not in names(fast.ask("cmpctblock", b.compact(prefilled=(0, 1, 2, 3))))
    k.tip_is(b)


@short
def test_a_mined_block_goes_from_node_to_node_as_a_compact_one(case):
    a, b, c = (case.node(LOG).start() for _ in range(3))
    a.mine(101)
    b.join(a)
    same_tip(a, b)
    c.join(b)
    same_tip(a, b, c)
    coin = wire(a.getblock(a.getblockhash(1))["tx"][0])
    p = Peer(c)
    for n in range(3):  # the first two make each the other's first choice
        p.ask("getheaders", locator([c.getbestblockhash()]))
        p.send("sendcmpct", hello(1))
        p.settle()
        a.mine(1)
        same_tip(a, b, c)
    wait_until("b told c", lambda: any(i["bip152_hb_from"] for i in b.getpeerinfo()))
    txs = payments(coin, 20, 50 * BTC)
    tip = a.getblockheader(a.getbestblockhash())
    p.settle()
    block = Full(tip["hash"], tip["height"] + 1, tip["time"] + 1, txs)
    a.submitblock(block.raw.hex())
    same_tip(a, b, c)
    equal(shown(sha256d(p.wait("cmpctblock")[:80])), block.hash)
    for node in (b, c):
        assert f"Saw new cmpctblock header hash={block.hash}" in node.log()
        assert f"Successfully reconstructed block {block.hash} with 1 txn prefilled" in node.log()


def test_blocksonly_never_asks_for_compact_blocks_but_gives_them(case):
    k = Kit(case, LOG + "blocksonly=1\n")
    p = k.peer()
    b = k.block(0)
    p.send("block", b.raw)
    p.settle()
    k.tip_is(b)
    assert not k.info(p)["bip152_hb_to"]
    b = k.block(1)
    asked_whole(p.ask("headers", headers([b.header])), b)
    equal(names(p.ask("cmpctblock", b.compact(prefilled=(0, 1)))), [])
    assert "even though we are blocksonly" in k.node.log()
    p.send("block", b.raw)
    p.settle()
    k.tip_is(b)
    equal(names(p.ask("getdata", inv((MSG_CMPCT, b.hash)))), ["cmpctblock"])
    p.ask("getheaders", locator([b.hash]))
    p.send("sendcmpct", hello(1))
    p.settle()
    k.node.mine(1)
    p.wait("cmpctblock")


def test_a_mutated_block_changes_nothing_for_the_others(case):
    k = Kit(case)
    honest, liar = k.peer(), k.peer()
    b = k.block(2)
    honest.send("headers", headers([b.header]))
    honest.wait("getdata")
    assert "getblocktxn" in names(honest.ask("cmpctblock", b.compact()))
    before = k.info(honest)["inflight"]
    mutated = b.raw[:-5] + b"\1" + b.raw[-4:]
    liar.rejected("block", mutated, "Block mutated: bad-txnmrklroot, hashMerkleRoot mismatch")
    equal((before, k.info(honest)["inflight"]), ([k.node.getblockcount() + 1],) * 2)
    honest.send("blocktxn", b.answer([1, 2]))
    honest.settle()
    k.tip_is(b)
    equal(names(honest.ask("getdata", inv((MSG_BLOCK, b.hash)))), ["block"])
