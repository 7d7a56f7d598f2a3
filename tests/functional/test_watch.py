"""The watch plugin in real nodes, in a process of its own: payments that arrive, confirm, leave and
conflict, restarts and kills at every step, the gap limit, the follower and the webhook."""
import hashlib
import hmac
import http.server
import json
import os
import random
import signal
import struct
import subprocess
import threading

from framework import equal, expect_error, program, wait_until
from handmade import compact, sha256d, shown, wire
from plugin_node import grant, running
from test_mining import ANYBODY, COIN, fund

TPUB = ("tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZ"
        "PStJRJCTKvosUCJZL5B")
GRANTS = "chain.read/1 = yes\nwatch/1 = scripts=100000, memory=64MB\nstore.own/1 = quota=256MB\nrpc.serve/1 = prefix=watch."
MINER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def short(test):
    test.short = True
    return test


class Watcher:
    """A node with the plugin, and a client that remembers all events it was told."""

    def __init__(self, case, config="", mode="isolated", grants=GRANTS, conf=""):
        self.node = case.node(conf)
        grant(self.node, "watch", grants, config or "gap_limit = 5", mode)
        self.cursor, self.events = 0, []
        self.start()

    def start(self):
        self.node.start()
        running(self.node, "watch")

    def call(self, method, *params):
        return self.node.call("watch." + method, *params)

    def descriptor(self, text):
        return self.node.getdescriptorinfo(text)["descriptor"]

    def import_xpub(self, text=f"wpkh({TPUB}/0/*)", **more):
        item = {"desc": self.descriptor(text), "birthday": 0, "active": True, "range": 4, **more}
        equal(self.call("import", "w", [item]), [{"success": True}])

    def hear(self):
        """What is new. No id comes twice."""
        new = []
        while True:
            got = self.call("waitevent", self.cursor, 0)
            assert not got["missed"], got
            for e in got["events"]:
                assert e["id"] > self.cursor, (e, self.cursor)
                self.cursor = e["id"]
            new += got["events"]
            self.cursor = max(self.cursor, got["cursor"])
            if not got["events"]:
                self.events += new
                return new

    def wait(self, event, txid, **want):
        """Until this was told; nothing of the transaction may be told after it but that."""
        def look():
            self.hear()
            mine = [e for e in self.events if e.get("txid") == txid]
            return mine and mine[-1]["event"] == event and mine[-1]
        e = wait_until(f"{txid} is {event}", look)
        for key, value in want.items():
            equal(e[key], value)
        return e

    def story(self, txid):
        return [e["event"] for e in self.events if e.get("txid") == txid]

    def balance(self):
        b = self.call("balance", "w")["mine"]
        return b["trusted"], b["untrusted_pending"]

    def caught_up(self):
        wait_until("it stands on the tip", lambda: self.call("status")["lastprocessedblock"]["hash"]
                   == self.node.getbestblockhash())

    def restart(self, kill):
        if kill == "plugin":
            pid = running(self.node, "watch")["pid"]
            os.kill(pid, signal.SIGKILL)
            wait_until("it is back", lambda: running(self.node, "watch")["pid"] != pid)
        elif kill == "node":
            self.node.kill()
            self.start()
        elif kill == "stop":
            self.node.stop()
            self.start()


class Pay:
    """Spends coins (txid, n, value) that anybody can spend; an output of `value` to each script, the
    rest to anybody."""

    def __init__(self, coins, scripts, value=COIN, fee=1000):
        outs = [(value, bytes.fromhex(s)) for s in scripts]
        outs.append((sum(c[2] for c in coins) - value * len(scripts) - fee, ANYBODY))
        body = compact(len(coins)) + b"".join(
            wire(c[0]) + struct.pack("<I", c[1]) + b"\0\xfd\xff\xff\xff" for c in coins) + compact(len(outs)) + b"".join(
            struct.pack("<q", v) + compact(len(s)) + s for v, s in outs)
        self.raw = struct.pack("<i", 2) + b"\0\1" + body + len(coins) * b"\x01\x01\x51" + 4 * b"\0"
        self.txid = shown(sha256d(struct.pack("<i", 2) + body + 4 * b"\0"))
        self.rest = (self.txid, len(scripts), outs[-1][0])

    def send(self, n):
        equal(n.sendrawtransaction(self.raw.hex(), 0), self.txid)
        return self


def scripts(w, n, text=f"wpkh({TPUB}/0/*)"):
    """Of the first n indexes."""
    addresses = w.node.deriveaddresses(w.descriptor(text), [0, n - 1])
    return [w.node.validateaddress(a)["scriptPubKey"] for a in addresses]


def wallet(case, n=4, **more):
    w = Watcher(case, **more)
    coins = fund(w.node, n)
    w.call("create", "w")
    w.import_xpub()
    w.caught_up()
    return w, coins, scripts(w, 30)


def block_with(w, *txs):
    return w.node.generateblock(MINER, [t.raw.hex() for t in txs])["hash"]


# ---- a payment's life ----

@short
def test_a_payment_arrives_confirms_and_reorganises(case):
    w, coins, script = wallet(case)
    t = Pay(coins[:1], script[:1], COIN // 10).send(w.node)
    e = w.wait("seen", t.txid, wallet="w", amount=0.1)
    equal(e["details"][0]["address"], w.node.deriveaddresses(w.descriptor(f"wpkh({TPUB}/0/*)"), [0, 0])[0])
    equal(w.balance(), (0, 0.1))
    block = w.node.mine(1)[0]
    w.wait("confirmed", t.txid, blockhash=block, blockheight=w.node.getblockcount())
    equal(w.balance(), (0.1, 0))
    w.node.invalidateblock(block)
    w.wait("seen", t.txid)
    equal(w.balance(), (0, 0.1))
    block = w.node.mine(2, "52")[0]
    w.wait("confirmed", t.txid, blockhash=block)
    equal(w.story(t.txid), ["seen", "confirmed", "unconfirmed", "seen", "confirmed"])
    [coin] = w.call("utxos", "w")
    equal((coin["txid"], coin["vout"], coin["amount"], coin["confirmations"], coin["index"], coin["solvable"]),
          (t.txid, 0, 0.1, 2, 0, True))
    [listed] = w.call("transactions", "w")["transactions"]
    equal((listed["txid"], listed["confirmations"], listed["state"]), (t.txid, 2, "confirmed"))
    w.node.stop()


def restart_while_seen(w, restart, t):
    """A node that was killed has forgotten its mempool; the payment is sent again."""
    w.restart(restart)
    if restart == "node":
        w.wait("gone", t.txid, reason="unknown")
        t.send(w.node)
    w.wait("seen", t.txid)


def life_with(case, restart, **more):
    """Pay, confirm, leave, and be double-spent in the new branch; with a restart after each step."""
    w, coins, script = wallet(case, **more)
    t = Pay(coins[:1], script[:1]).send(w.node)
    w.wait("seen", t.txid)
    restart_while_seen(w, restart, t)
    block = block_with(w, t)
    w.wait("confirmed", t.txid, blockhash=block)
    w.restart(restart)
    w.node.invalidateblock(block)
    w.wait("seen", t.txid)
    restart_while_seen(w, restart, t)
    other = Pay(coins[:1], [], fee=5000)
    block_with(w, other)
    w.wait("gone", t.txid, reason="conflict", by=other.txid)
    w.restart(restart)
    w.wait("gone", t.txid, reason="conflict", by=other.txid)
    equal(w.balance(), (0, 0))
    lost = ["gone", "seen"] if restart == "node" else []
    equal(w.story(t.txid), ["seen", *lost, "confirmed", "unconfirmed", "seen", *lost, "gone"])
    equal(w.call("utxos", "w", 0), [])
    equal(w.call("transactions", "w")["transactions"][0]["confirmations"], -1)
    w.node.stop()


@short
def test_a_double_spend_behind_a_reorganisation(case):
    life_with(case, None)


def test_a_double_spend_with_the_plugin_killed_at_every_step(case):
    life_with(case, "plugin")


def test_a_double_spend_with_the_node_killed_at_every_step(case):
    life_with(case, "node")


def test_a_double_spend_with_the_node_stopped_at_every_step(case):
    life_with(case, "stop")


def test_a_double_spend_in_a_trusted_plugin(case):
    life_with(case, "stop", mode="trusted")


def test_what_happened_while_nobody_listened(case):
    """A payment that was seen is double-spent while the plugin is down; another is confirmed."""
    w, coins, script = wallet(case)
    t, u = Pay(coins[:1], script[:1]).send(w.node), Pay(coins[1:2], script[1:2]).send(w.node)
    w.wait("seen", t.txid)
    w.wait("seen", u.txid)
    w.node.plugin("stop", "watch")
    other = Pay(coins[:1], script[2:3], fee=5000)
    block_with(w, other, u)
    w.node.plugin("start", "watch")
    running(w.node, "watch")
    w.wait("confirmed", other.txid)
    w.wait("confirmed", u.txid)
    w.wait("gone", t.txid, reason="unknown")
    equal(w.balance(), (2, 0))
    w.node.stop()


@short
def test_replaced_and_spent(case):
    w, coins, script = wallet(case)
    t = Pay(coins[:1], script[:1]).send(w.node)
    w.wait("seen", t.txid)
    u = Pay(coins[:1], script[1:2], fee=20000).send(w.node)
    w.wait("gone", t.txid, reason="replaced", replaced_by_txid=u.txid)
    w.wait("seen", u.txid)
    # Coins that anybody can spend, in a wallet of their own: fund and spend in one block.
    w.call("create", "open")
    item = {"script": ANYBODY.hex(), "birthday": 0, "label": "anybody"}
    equal(w.call("import", "open", [item]), [{"success": True}])
    wait_until("the rescan is done", lambda: w.call("status")["rescans"] == [])
    equal(w.call("balance", "open")["mine"]["trusted"], 198.9998)
    a = Pay(coins[1:2], [], fee=1000)
    b = Pay([a.rest], script[3:4], fee=1000)
    block_with(w, a, b)
    w.wait("confirmed", b.txid)
    equal(w.call("balance", "open")["mine"]["trusted"], 197.99978)
    equal(len(w.call("utxos", "open")), 3)
    w.node.stop()


def gone_for(w, t, **why):
    """It is told, listed and not counted, and all that after a restart too."""
    w.wait("gone", t.txid, **why)
    for _ in range(2):
        [listed] = [x for x in w.call("transactions", "w")["transactions"] if x["txid"] == t.txid]
        equal((listed["state"], listed["confirmations"], {k: listed[k] for k in why}), ("gone", -1, why))
        equal(t.txid in [u["txid"] for u in w.call("utxos", "w", 0)], False)
        w.restart("plugin")
    w.hear()
    equal(w.story(t.txid), ["seen", "gone"])


def test_expired(case):
    w, coins, script = wallet(case, conf="mempoolexpiry=1\n")
    now = w.node.getblockheader(w.node.getbestblockhash())["time"] + 100
    w.node.setmocktime(now)
    t = Pay(coins[:1], script[:1]).send(w.node)
    w.wait("seen", t.txid)
    w.node.setmocktime(now + 3700)
    u = Pay(coins[1:2], script[1:2]).send(w.node)
    w.wait("seen", u.txid)
    gone_for(w, t, reason="expiry")
    equal(w.balance(), (0, 1))
    # It comes again, as new.
    t.send(w.node)
    w.wait("seen", t.txid)
    w.node.stop()


def test_evicted_for_its_size(case):
    """A mempool of five megabytes, filled with what pays more."""
    w, coins, script = wallet(case, n=70, conf="maxmempool=5\n")
    t = Pay(coins[:1], script[:1], fee=300).send(w.node)
    w.wait("seen", t.txid)
    data = (b"\x6a\x4e" + struct.pack("<I", 90000) + 90000 * b"\0").hex()
    for c in coins[1:]:
        Pay([c], [data], 0, 2000000).send(w.node)
        if t.txid not in w.node.getrawmempool():
            break
    gone_for(w, t, reason="size")
    equal(w.balance(), (0, 0))
    w.node.stop()


def test_conflicting_and_replaced(case):
    w, coins, script = wallet(case)
    t = Pay(coins[:1], script[:1]).send(w.node)
    u = Pay(coins[1:2], script[1:2]).send(w.node)
    w.wait("seen", t.txid)
    w.wait("seen", u.txid)
    other, better = Pay(coins[:1], [], fee=5000), Pay(coins[1:2], [], fee=50000)
    block_with(w, other)
    better.send(w.node)
    gone_for(w, t, reason="conflict", by=other.txid)
    gone_for(w, u, reason="replaced", replaced_by_txid=better.txid)
    w.node.stop()


def test_a_grant_that_is_too_small(case):
    """The gap cannot be kept: it is said, and made good when there is room."""
    w, coins, script = wallet(case, grants=GRANTS.replace("scripts=100000", "scripts=7"))
    t = Pay(coins[:1], script[4:5]).send(w.node)
    w.wait("seen", t.txid)
    block_with(w, t)
    w.wait("confirmed", t.txid)
    w.caught_up()
    status = w.call("status")
    equal((status["complete"], status["scripts"], status["unwatched"]), (False, 10, 3))
    assert "no room" in w.node.getplugininfo("watch")["progress"], w.node.getplugininfo("watch")
    u = Pay(coins[1:2], script[8:9])
    block_with(w, u)
    w.caught_up()
    equal(w.balance(), (1, 0))
    w.node.stop()
    grant(w.node, "watch", GRANTS, "gap_limit = 5")
    w.start()
    w.wait("confirmed", u.txid)
    equal(w.balance(), (2, 0))
    equal(w.call("status")["complete"], True)
    w.node.stop()


def test_an_outpoint_that_there_is_no_room_for(case):
    """Its script has none either: nobody would tell of what spends the coin, so it is not safe."""
    w, coins, script = wallet(case)
    t = Pay(coins[:1], script[20:21])
    block_with(w, t)
    [address] = w.node.deriveaddresses(w.descriptor(f"wpkh({TPUB}/0/*)"), [20, 20])
    items = [{"address": address, "birthday": 0}, {"outpoint": {"txid": t.txid, "vout": 0}, "timestamp": "now"}]
    equal(w.call("import", "w", items), 2 * [{"success": True}])
    rescanned(w)
    for room, safe in (5, False), (100, True):
        w.node.stop()
        grant(w.node, "watch", GRANTS.replace("scripts=100000", f"scripts={room}"), "gap_limit = 5")
        w.start()
        w.caught_up()
        rescanned(w)
        equal([u["safe"] for u in w.call("utxos", "w")], [safe])
        equal(w.call("status")["complete"], safe)
    w.node.stop()


def test_two_beyond_the_gap_in_one_block(case):
    w, coins, script = wallet(case)
    t = Pay(coins[:1], [script[14], script[9], script[4]])
    block_with(w, t)
    w.wait("confirmed", t.txid, amount=3, n_details=3)
    w.restart("node")
    equal(w.balance(), (3, 0))
    u = Pay(coins[1:2], [script[24], script[19]]).send(w.node)
    wait_until("both are seen", lambda: w.wait("seen", u.txid)["n_details"] == 2)
    w.node.stop()


def test_a_rescan_finds_what_was_before(case):
    w = Watcher(case)
    coins = fund(w.node, 4)
    script = scripts(w, 30)
    t = Pay(coins[:1], [script[9], script[4]])
    block_with(w, t)
    u = Pay(coins[1:2], script[12:13]).send(w.node)
    w.call("create", "w")
    now = w.node.getblockheader(w.node.getbestblockhash())["time"]
    equal(w.call("import", "w", [{"desc": w.descriptor(f"wpkh({TPUB}/0/*)"), "timestamp": now, "range": 4}]),
          [{"success": True}])
    wait_until("both are told", lambda: w.wait("confirmed", t.txid)["n_details"] == 2)
    w.wait("seen", u.txid)
    equal(w.balance(), (2, 1))
    xprv = ("tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK")
    secret = f"wpkh({xprv}/*)"
    sum_ = w.node.getdescriptorinfo(secret)["checksum"]
    [got] = w.call("import", "w", [{"desc": f"{secret}#{sum_}", "timestamp": 0}])
    equal(got["error"], {"code": -5, "message": "wpkh(): Private keys are not accepted: give the public key"})
    expect_error(-18, 'Wallet "other" does not exist; there is "w"', w.call, "balance", "other")
    w.node.stop()


def rescanned(w):
    wait_until("the rescans are done", lambda: w.call("status")["rescans"] == [])
    w.caught_up()


def behind_an_address(case, kill):
    """The gap limit meets an address that was imported before, and that no rescan has looked for."""
    w = Watcher(case)
    coins = fund(w.node, 4)
    script = scripts(w, 30)
    block_with(w, Pay(coins[:1], [script[4]]), Pay(coins[1:2], [script[7]]))
    block_with(w, Pay(coins[2:3], [script[8]]))
    w.call("create", "w")
    address = w.node.deriveaddresses(w.descriptor(f"wpkh({TPUB}/0/*)"), [7, 8])
    equal(w.call("import", "w", [{"address": a, "timestamp": "now"} for a in address]), 2 * [{"success": True}])
    w.import_xpub()
    w.restart(kill)
    rescanned(w)
    equal(w.balance(), (3, 0))
    w.node.stop()


@short
def test_a_rescan_meets_an_address_that_was_there(case):
    behind_an_address(case, None)


def test_a_rescan_that_is_killed_meets_an_address_that_was_there(case):
    behind_an_address(case, "plugin")


def beside_another_wallet(w):
    """Wallet a has more of the same range than w will have."""
    w.call("create", "a")
    item = {"desc": w.descriptor(f"wpkh({TPUB}/0/*)"), "birthday": 0, "range": 20}
    equal(w.call("import", "a", [item]), [{"success": True}])
    rescanned(w)
    w.call("create", "w")


@short
def test_the_gap_goes_on_behind_what_another_wallet_knows(case):
    w = Watcher(case)
    coins = fund(w.node, 4)
    script = scripts(w, 30)
    block_with(w, Pay(coins[:1], [script[7], script[4]]))
    block_with(w, Pay(coins[1:2], [script[11]]))
    beside_another_wallet(w)
    w.import_xpub()
    rescanned(w)
    equal(w.balance(), (3, 0))
    equal(w.call("list", "w")["descriptors"][0]["range"], [0, 16])
    w.node.stop()


@short
def test_the_gap_goes_on_behind_what_another_wallet_is_paid(case):
    w = Watcher(case)
    coins = fund(w.node, 4)
    script = scripts(w, 30)
    beside_another_wallet(w)
    w.import_xpub()
    rescanned(w)
    block_with(w, Pay(coins[:1], [script[7], script[4]]))
    block_with(w, Pay(coins[1:2], [script[11]]))
    w.caught_up()
    equal(w.balance(), (3, 0))
    w.node.stop()


@short
def test_no_used_address_is_given_out(case):
    """Index 7 is paid as an address, and then index 4 as one of the range."""
    w, coins, script = wallet(case)
    address = w.node.deriveaddresses(w.descriptor(f"wpkh({TPUB}/0/*)"), [0, 29])
    equal(w.call("import", "w", [{"address": address[7], "timestamp": "now"}]), [{"success": True}])
    block_with(w, Pay(coins[:1], [script[7]]))
    block_with(w, Pay(coins[1:2], [script[4]]))
    w.caught_up()
    equal([address.index(w.call("newaddress", "w")) for _ in range(2)], [8, 9])
    block_with(w, Pay(coins[2:3], [script[14]]))
    w.caught_up()
    equal(w.balance(), (3, 0))
    w.node.stop()


def said(n, first=0):
    """Times in the headers from a height on."""
    at, times = n.getblockhash(first), []
    while at:
        header = n.getblockheader(at)
        times.append(header["time"])
        at = header.get("nextblockhash")
    return times


def days_apart(n, blocks, seed):
    """Mine blocks whose times are out of order, with days between some of them."""
    r, now = random.Random(seed), n.getblockheader(n.getbestblockhash())["mediantime"] + 7200
    for _ in range(blocks):
        now += r.choice((1, 600, 600, 600, 86400))
        n.setmocktime(now + r.choice((0, 0, -7000, 7000)))
        n.mine(1)
    n.setmocktime(now)


def test_since_when(case):
    """A time stands for the first block that says it or a later one, but for two hours: also where
    blocks before it lie days apart, and are out of order."""
    w = Watcher(case)
    n = w.node
    w.call("create", "w")
    n.mine(1980)
    base = said(n)
    for seed in (1, 2):
        days_apart(n, 60, seed)
        times = base + said(n, len(base))
        asked = sorted({t + d for t in times[-62:] + times[::400] for d in (-1, 7200, 7201)})
        got = w.call("import", "w", [{"script": f"51{1000 * seed + i:06x}", "timestamp": t} for i, t in enumerate(asked)])
        equal([g for g in got if not g["success"]], [])
        listed = {a["script"]: a["birthday"] for a in w.call("list", "w", 10000)["addresses"]}
        for i, t in enumerate(asked):
            want = next((h for h, at in enumerate(times) if at >= t - 7200), len(times))
            equal((t, listed[f"51{1000 * seed + i:06x}"]), (t, want))
        n.invalidateblock(n.getblockhash(len(base)))
    n.stop()


def test_immature_coins_are_left_out(case):
    w = Watcher(case)
    w.call("create", "w")
    equal(w.call("import", "w", [{"script": "53", "birthday": 0}]), [{"success": True}])
    w.node.mine(103, "53")
    w.caught_up()
    ages = [u["confirmations"] for u in w.call("utxos", "w", 0)]
    equal(ages, [103, 102, 101])
    more = w.call("utxos", "w", 0, None, None, None, {"include_immature_coinbase": True})
    equal([(u["confirmations"], u["spendable"]) for u in more], [(n, n > 100) for n in range(103, 0, -1)])
    expect_error(-8, "options can have", w.call, "utxos", "w", 0, None, None, None, {"immature": True})
    w.node.stop()


# ---- deliveries ----

def test_the_follower(case):
    w, coins, script = wallet(case)
    follow = subprocess.Popen([program("quoin-cli"), f"-datadir={w.node.datadir}", "-follow", "watch.waitevent", "0", "5"],
                              stdout=subprocess.PIPE, text=True)
    try:
        t = Pay(coins[:1], script[:1]).send(w.node)
        w.wait("seen", t.txid)
        w.node.mine(1)
        w.wait("confirmed", t.txid)
        lines = [json.loads(follow.stdout.readline()) for _ in w.events]
        equal(lines, w.events)
        # A reload is waited out.
        w.node.plugin("reload", "watch")
        t = Pay(coins[1:2], script[:1]).send(w.node)
        w.wait("seen", t.txid)
        equal(json.loads(follow.stdout.readline()), w.events[-1])
        # And so is a crash, with the call that waited then.
        w.restart("plugin")
        t = Pay(coins[2:3], script[:1]).send(w.node)
        w.wait("seen", t.txid)
        equal(json.loads(follow.stdout.readline()), w.events[-1])
        plugins = subprocess.Popen([program("quoin-cli"), f"-datadir={w.node.datadir}", "-follow", "waitforpluginevent", "0"],
                                   stdout=subprocess.PIPE, text=True)
        seq = [json.loads(plugins.stdout.readline())["seq"] for _ in range(5)]
        plugins.kill()
        plugins.wait()
        plugins.stdout.close()
        equal(seq, [1, 2, 3, 4, 5])
    finally:
        follow.kill()
        follow.wait()
        follow.stdout.close()
    w.node.stop()


def test_the_webhook(case):
    got, secret, refuse = [], "a secret of this test", [True]

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sign = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            equal(self.headers["X-Quoin-Signature"], f"sha256={sign}")
            if not refuse[0]:
                got.extend(json.loads(body)["events"])
            self.send_response(500 if refuse.pop() else 204)
            refuse.append(False)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"127.0.0.1:{server.server_address[1]}"
    try:
        w, coins, script = wallet(case, config=f"gap_limit = 5\nwebhook = http://{here}/x\nwebhook_secret = {secret}",
                                  grants=GRANTS + f"\nnet.connect/1 = {here}")
        t = Pay(coins[:1], script[:1]).send(w.node)
        w.wait("seen", t.txid)
        w.node.mine(1)
        w.wait("confirmed", t.txid)
        wait_until("all were delivered", lambda: got == w.events)
        w.restart("plugin")
        u = Pay(coins[1:2], script[1:2]).send(w.node)
        w.wait("seen", u.txid)
        wait_until("what is new was delivered", lambda: got == w.events)
        w.node.stop()
    finally:
        server.shutdown()
        server.server_close()
