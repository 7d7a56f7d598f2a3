"""Block templates, long polls, proposals, blocks handed in, and blocks made of the mempool."""
import hashlib
import struct
import threading

from framework import RpcError, equal, expect_error, wait_until
from handmade import compact, sha256d, shown, wire

RULES = {"rules": ["segwit"]}
TRUE = b"\x51"
ANYBODY = b"\x00\x20" + hashlib.sha256(TRUE).digest()  # a standard script that needs no signature
COIN = 100000000


def short(test):
    test.short = True
    return test


class Tx:
    """Spends coins (txid, n, value) that anybody can spend; `outs` equal outputs."""

    def __init__(self, coins, fee, outs=1, version=2):
        self.fee = fee
        value = (sum(c[2] for c in coins) - fee) // outs
        self.fee += (sum(c[2] for c in coins) - fee) % outs
        ins = b"".join(wire(c[0]) + struct.pack("<I", c[1]) + b"\0" + b"\xfd\xff\xff\xff" for c in coins)
        body = compact(len(coins)) + ins + compact(outs) + outs * (
            struct.pack("<q", value) + compact(len(ANYBODY)) + ANYBODY)
        end = struct.pack("<I", 0)
        self.raw = struct.pack("<i", version) + b"\0\1" + body + len(coins) * b"\x01\x01\x51" + end
        self.txid = shown(sha256d(struct.pack("<i", version) + body + end))
        self.wtxid = shown(sha256d(self.raw))
        self.weight = 3 * (8 + len(body)) + len(self.raw)
        self.coins = [(self.txid, n, value) for n in range(outs)]

    def send(self, n):
        equal(n.sendrawtransaction(self.raw.hex(), 0), self.txid)
        return self


def fund(n, count):
    """Mature coins that anybody can spend."""
    blocks = n.generatetodescriptor(count, f"raw({ANYBODY.hex()})")
    n.mine(100)
    return [(n.getblock(b)["tx"][0], 0, 50 * COIN) for b in blocks]


def merkle(ids):
    while len(ids) > 1:
        if len(ids) % 2:
            ids.append(ids[-1])
        ids = [sha256d(a + b) for a, b in zip(ids[::2], ids[1::2])]
    return ids[0]


def block_of(t, extra=b"\x01\x00", witness=True):
    """A solved block of a template, as a miner makes it. witness False: as one who knows no
    witnesses hands it in."""
    height = struct.pack("<I", t["height"]).rstrip(b"\0")
    if height[-1] & 0x80:
        height += b"\0"
    script = compact(len(height)) + height + extra if t["height"] > 16 else bytes([0x50 + t["height"]]) + extra
    commitment = bytes.fromhex(t["default_witness_commitment"])
    body = b"\x01" + 32 * b"\0" + 4 * b"\xff" + compact(len(script)) + script + b"\xfe\xff\xff\xff" + b"\x02" + \
        struct.pack("<q", t["coinbasevalue"]) + b"\x01\x51" + struct.pack("<q", 0) + compact(len(commitment)) + commitment
    end = struct.pack("<I", t["height"] - 1)
    bare = struct.pack("<i", 2) + body + end
    full = struct.pack("<i", 2) + b"\0\1" + body + b"\x01\x20" + 32 * b"\0" + end
    root = merkle([sha256d(bare)] + [wire(tx["txid"]) for tx in t["transactions"]])
    front = struct.pack("<i", t["version"]) + wire(t["previousblockhash"]) + root + struct.pack(
        "<II", t["curtime"], int(t["bits"], 16))
    nonce = 0
    while int.from_bytes(sha256d(front + struct.pack("<I", nonce)), "little") > int(t["target"], 16):
        nonce += 1
    return front + struct.pack("<I", nonce) + compact(1 + len(t["transactions"])) + (full if witness else bare) + \
        b"".join(bytes.fromhex(tx["data"]) for tx in t["transactions"])


@short
def test_a_template_is_mined(case):
    n = case.node().start()
    coins = fund(n, 3)
    a = Tx(coins[:1], 500, outs=2).send(n)
    b = Tx([a.coins[1], coins[1], a.coins[0]], 9000).send(n)
    c = Tx(coins[2:], 40000).send(n)
    t = n.getblocktemplate(RULES)
    equal([tx["txid"] for tx in t["transactions"]], [c.txid, a.txid, b.txid])
    equal([tx["hash"] for tx in t["transactions"]], [c.wtxid, a.wtxid, b.wtxid])
    equal([tx["depends"] for tx in t["transactions"]], [[], [], [2, 2]])
    equal([tx["fee"] for tx in t["transactions"]], [c.fee, a.fee, b.fee])
    equal([tx["weight"] for tx in t["transactions"]], [c.weight, a.weight, b.weight])
    equal([tx["data"] for tx in t["transactions"]], [x.raw.hex() for x in (c, a, b)])
    equal(t["coinbasevalue"], 50 * COIN + a.fee + b.fee + c.fee)
    equal((t["height"], t["previousblockhash"]), (104, n.getbestblockhash()))
    equal((t["sigoplimit"], t["sizelimit"], t["weightlimit"]), (80000, 4000000, 4000000))
    equal((t["capabilities"], t["mutable"], t["noncerange"]),
          (["proposal"], ["time", "transactions", "prevblock"], "00000000ffffffff"))
    equal((t["rules"], t["vbrequired"], t["coinbaseaux"]), (["csv", "!segwit", "taproot"], 0, {}))
    equal((t["bits"], t["target"]), ("207fffff", "7fffff" + 58 * "0"))
    assert t["mintime"] <= t["curtime"], t
    info = n.getmininginfo()
    equal((info["currentblocktx"], info["currentblockweight"], info["pooledtx"]),
          (3, 8000 + a.weight + b.weight + c.weight, 3))
    block = block_of(t)
    equal(n.getblocktemplate({"mode": "proposal", "data": block.hex(), **RULES}), None)
    equal(n.submitblock(block_of(t, witness=False).hex()), None)
    equal(n.submitblock(block.hex()), "duplicate")
    equal(n.getblocktemplate({"mode": "proposal", "data": block.hex(), **RULES}), "duplicate")
    equal((n.getblockcount(), n.getrawmempool()), (104, []))
    equal(n.getblock(n.getbestblockhash())["tx"][1:], [c.txid, a.txid, b.txid])


def test_what_is_refused(case):
    n = case.node().start()
    n.mine(1)
    expect_error(-8, "getblocktemplate must be called with the segwit rule set (call with "
                 "{\"rules\": [\"segwit\"]})", n.getblocktemplate, {})
    expect_error(-8, "Invalid mode", n.getblocktemplate, {"mode": "perhaps", **RULES})
    expect_error(-8, "Invalid mode", n.getblocktemplate, {"mode": 1, **RULES})
    expect_error(-3, "JSON value of type number is not of expected type string", n.getblocktemplate, {"rules": [1]})
    expect_error(-3, "Missing data String key for proposal", n.getblocktemplate, {"mode": "proposal"})
    expect_error(-22, "Block decode failed", n.getblocktemplate, {"mode": "proposal", "data": "00"})
    expect_error(-8, "longpollid must be of length 64 (not 3, for 'abc')", n.getblocktemplate,
                 {"longpollid": "abc", **RULES})
    expect_error(-8, "longpollid must be hexadecimal string", n.getblocktemplate,
                 {"longpollid": 64 * "x" + "5", **RULES})
    t = n.getblocktemplate(RULES)
    propose = {"mode": "proposal", **RULES}
    late = dict(t, coinbasevalue=t["coinbasevalue"] + 1)
    equal(n.getblocktemplate({"data": block_of(late).hex(), **propose}), "bad-cb-amount")
    other = dict(t, previousblockhash=64 * "1")
    equal(n.getblocktemplate({"data": block_of(other).hex(), **propose}), "inconclusive-not-best-prevblk")
    equal(n.getblocktemplate({"data": block_of(dict(t, curtime=1)).hex(), **propose}), "time-too-old")
    equal(n.submitblock(block_of(other).hex()), "prev-blk-not-found")
    equal(n.submitblock(block_of(late).hex()), "bad-cb-amount")
    equal(n.submitblock(block_of(late).hex()), "duplicate-invalid")
    equal(n.getblocktemplate({"data": block_of(late).hex(), **propose}), "duplicate-invalid")
    n.submitheader(block_of(t)[:80].hex())
    equal(n.getblocktemplate({"data": block_of(t).hex(), **propose}), "duplicate-inconclusive")
    equal(n.getblockcount(), 1)


class Poll:
    """A long poll in a thread of its own."""

    def __init__(self, n, t):
        self.n, self.answer = n, None
        self.thread = threading.Thread(target=self.run, args=(t["longpollid"],))
        before = self.active()
        self.thread.start()
        wait_until("the poll is being served", lambda: self.active() > before)

    def active(self):
        return sum(c["method"] == "getblocktemplate" for c in self.n.getrpcinfo()["active_commands"])

    def run(self, longpollid):
        try:
            self.answer = self.n.getblocktemplate({"longpollid": longpollid, **RULES})
        except RpcError as e:
            self.answer = e
        except OSError as e:  # the node may close the connection when it stops
            self.answer = e

    def done(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.answer


def test_a_long_poll_waits_for_the_tip(case):
    n = case.node().start()
    coin = fund(n, 1)
    t = n.getblocktemplate(RULES)
    equal(t["longpollid"][:64], n.getbestblockhash())
    equal(n.getblocktemplate(RULES)["longpollid"], t["longpollid"])
    one, two = Poll(n, t), Poll(n, t)
    Tx(coin, 1000).send(n)  # not yet a reason
    assert one.thread.is_alive() and two.thread.is_alive()
    tip = n.mine(1)[0]
    equal((one.done()["previousblockhash"], two.done()["previousblockhash"]), (tip, tip))
    equal(n.getblocktemplate({"longpollid": t["longpollid"], **RULES})["previousblockhash"], tip)
    last = Poll(n, n.getblocktemplate(RULES))
    n.stop()
    assert isinstance(last.done(), (RpcError, OSError)), last.answer


def test_a_template_is_kept_for_five_seconds(case):
    n = case.node().start()
    coins = fund(n, 2)
    now = n.getblock(n.getbestblockhash())["time"] + 1000
    n.setmocktime(now)
    equal(n.getblocktemplate(RULES)["transactions"], [])
    Tx(coins[:1], 1000).send(n)
    n.setmocktime(now + 5)
    t = n.getblocktemplate(RULES)
    equal((t["transactions"], t["curtime"]), ([], now + 5))
    n.setmocktime(now + 6)
    equal(len(n.getblocktemplate(RULES)["transactions"]), 1)
    n.mine(1)
    equal(n.getblocktemplate(RULES)["height"], 104)


def test_blocks_on_demand(case):
    n = case.node().start()
    coins = fund(n, 4)
    a = Tx(coins[:1], 1000).send(n)
    b = Tx(a.coins, 3000).send(n)
    c = Tx(coins[1:2], 700).send(n)
    loose = Tx(coins[2:3], 300)
    block = n.getblock(n.generateblock("raw(51)", [a.txid, loose.raw.hex()])["hash"], 2)
    equal([tx["txid"] for tx in block["tx"][1:]], [a.txid, loose.txid])
    equal(block["tx"][0]["vout"][0]["value"], 50)
    equal(sorted(n.getrawmempool()), sorted([b.txid, c.txid]))
    expect_error(-5, f"Transaction {a.txid} not in mempool.", n.generateblock, "raw(51)", [a.txid])
    expect_error(-22, "Transaction decode failed for ab.", n.generateblock, "raw(51)", ["ab"])
    d = Tx(b.coins, 600).send(n)
    expect_error(-25, "TestBlockValidity failed: bad-txns-inputs-missingorspent", n.generateblock, "raw(51)",
                 [d.txid, b.txid])
    made = n.generateblock("raw(51)", [b.txid, d.txid], False)
    equal(n.getblockcount(), 105)
    equal(n.submitblock(made["hex"]), None)
    equal(n.getbestblockhash(), made["hash"])
    block = n.getblock(n.generatetoaddress(1, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080")[0], 2)
    equal([tx["txid"] for tx in block["tx"][1:]], [c.txid])
    equal(round(block["tx"][0]["vout"][0]["value"] * COIN), 50 * COIN + c.fee)
    equal(n.getrawmempool(), [])


def test_options_of_blocks(case):
    n = case.node("persistmempool=1\n").start()
    coins = fund(n, 3)
    for i, fee in enumerate((400, 5000, 20000)):
        Tx(coins[i:i + 1], fee).send(n)
    equal(len(n.getblocktemplate(RULES)["transactions"]), 3)
    n.restart("-blockmintxfee=0.0001")
    equal(n.getmininginfo()["blockmintxfee"], 0.0001)
    equal([tx["fee"] for tx in n.getblocktemplate(RULES)["transactions"]], [20000, 5000])
    n.restart("-blockmaxweight=3000", "-blockreservedweight=2500")
    equal([tx["fee"] for tx in n.getblocktemplate(RULES)["transactions"]], [20000])
    n.restart("-printpriority", "-blockversion=1337")
    equal(n.getblocktemplate(RULES)["version"], 1337)
    assert "fee rate 0.000" in n.log()
    n.stop()
    n.fails("Invalid amount for -blockmintxfee=<amount>: '-1'", "-blockmintxfee=-1")
    n.fails("-blockreservedweight (8000) exceeds -blockmaxweight (7999)", "-blockmaxweight=7999")
