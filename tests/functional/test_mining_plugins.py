"""The plugins about mining in real nodes, each in a process of its own: templates, blocks found by
Stratum and by the processor, crashes between a job and its solution, floods."""
import http.client
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import threading

from bitcoind import Bitcoind
from framework import RpcError, Skip, equal, expect_error, free_port, program, same_tip, wait_until
from handmade import compact, sha256d, shown, wire
from plugin_node import grant, plugin_file, running
from stratum_client import Client, Refused
from test_mining import ANYBODY, RULES, block_of, fund, Tx

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
ADDRESS_SIGNET = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
SCRIPT = "0014751e76e8199196d454941c45d1b3a323f1433bd6"
SIGNET = "signetchallenge=51\n"
MINING = "mining.template/1 = yes\nmining.submit/1 = yes\n"


def short(test):
    test.short = True
    return test


# ---- template-watch ----

@short
def test_template_watch_may_only_look(case):
    n = case.node()
    grant(n, "template-watch", "mining.template/1 = yes", "overreach = 1")
    n.start()
    running(n, "template-watch")
    wait_until("it is refused what it may not", lambda: "mining.submit/1 is refused" in n.log())
    n.mine(3)
    wait_until("a line for each", lambda: all(f"block 4, {kind}: 0 transactions pay 0 sat" in n.log()
                                              for kind in ("empty", "full")))
    n.stop()


# ---- gbt ----

def with_gbt(case, names="prefix=gbt.", chain="regtest", conf=""):
    n = case.node(conf, chain=chain)
    grant(n, "gbt", MINING + f"mining.check/1 = yes\nrpc.serve/1 = {names}")
    n.start()
    running(n, "gbt")
    return n


@short
def test_gbt_says_what_the_node_says(case):
    n = with_gbt(case)
    coins = fund(n, 3)
    a = Tx(coins[:1], 500, outs=2).send(n)
    Tx([a.coins[1], coins[1]], 9000).send(n)
    Tx(coins[2:], 40000).send(n)
    mine, theirs = n.call("gbt.getblocktemplate", RULES), n.getblocktemplate(RULES)
    assert abs(mine.pop("curtime") - theirs.pop("curtime")) <= 2
    equal(mine, theirs)
    equal(len(mine["transactions"]), 3)
    t = n.call("gbt.getblocktemplate", RULES)
    block = block_of(t)
    equal(n.call("gbt.getblocktemplate", {"mode": "proposal", "data": block.hex(), **RULES}), None)
    bad = block_of(dict(t, coinbasevalue=t["coinbasevalue"] + 1))
    equal(n.call("gbt.getblocktemplate", {"mode": "proposal", "data": bad.hex(), **RULES}), "bad-cb-amount")
    equal(n.call("gbt.submitblock", bad.hex()), "bad-cb-amount")
    equal(n.call("gbt.submitblock", bad.hex()), "duplicate-invalid")
    equal(n.call("gbt.submitblock", block_of(t, witness=False).hex()), None)
    equal(n.call("gbt.submitblock", block.hex()), "duplicate")
    expect_error(-22, "Block decode failed", n.call, "gbt.submitblock", "00")
    equal((n.getblockcount(), n.getrawmempool()), (t["height"], []))
    n.stop()


@short
def test_gbt_takes_a_block_after_many_that_were_bad(case):
    n = with_gbt(case)
    t = n.call("gbt.getblocktemplate", RULES)
    good = block_of(t).hex()
    for more in range(1, 13):
        equal(n.call("gbt.submitblock", block_of(dict(t, coinbasevalue=t["coinbasevalue"] + more)).hex()),
              "bad-cb-amount")
    equal(n.call("gbt.submitblock", good), None)
    for _ in range(20):
        equal(n.call("gbt.submitblock", good), "duplicate")
    other = n.call("gbt.getblocktemplate", RULES)
    equal(n.call("gbt.submitblock", block_of(other).hex()), None)
    equal(n.getblockcount(), t["height"] + 1)
    n.stop()


def test_gbt_says_what_is_wrong_with_more_than_a_block(case):
    n = with_gbt(case)
    n.mine(1)
    t = n.getblocktemplate(RULES)
    good = block_of(t)
    witness = good[:-38] + b"\x02" + good[-37:-4] + compact(5000000) + 5000000 * b"a" + good[-4:]
    script = 4200000 * b"\x51"
    tx = struct.pack("<i", 2) + b"\x01" + 36 * b"\x01" + b"\0" + 4 * b"\xff" + b"\x01" + struct.pack("<q", 0) + \
        compact(len(script)) + script + struct.pack("<I", 0)
    outputs = block_of(dict(t, transactions=[{"txid": shown(sha256d(tx)), "data": tx.hex()}]))
    for block, why in (witness, "bad-witness-nonce-size"), (outputs, "bad-blk-length"):
        assert len(block) > 4000000
        equal(n.submitblock(block.hex()), why)
        equal(n.call("gbt.submitblock", block.hex()), why)
        propose = {"mode": "proposal", "data": block.hex(), **RULES}
        equal(n.call("gbt.getblocktemplate", propose), n.getblocktemplate(propose))
    expect_error(-22, "Block decode failed", n.call, "gbt.submitblock", 16000001 * "00")
    expect_error(-22, "Block decode failed", n.call, "gbt.submitblock", good[:-1].hex())
    propose = {"mode": "proposal", "data": good.hex() + "00", **RULES}  # whatever follows it
    equal(n.call("gbt.getblocktemplate", propose), n.getblocktemplate(propose))
    equal(n.call("gbt.submitblock", good.hex() + "beef"), None)
    equal(n.submitblock(good.hex() + "beef"), "duplicate")
    n.stop()


def test_gbt_takes_the_place_of_the_node(case):
    n = with_gbt(case, "prefix=gbt., names=getblocktemplate submitblock")
    assert "(plugins)" not in n.call("help", "getblocktemplate")
    n.mine(1)
    t = n.getblocktemplate(RULES)
    polled = []
    poll = threading.Thread(target=lambda: polled.append(
        n.getblocktemplate({"longpollid": t["longpollid"], **RULES})))
    poll.start()
    wait_until("the poll is being served", lambda: any(
        c["method"] == "getblocktemplate" for c in n.getrpcinfo()["active_commands"]))
    equal(n.submitblock(block_of(t).hex()), None)
    poll.join(60)
    equal(polled[0]["previousblockhash"], n.getbestblockhash())
    expect_error(-8, "segwit rule set", n.getblocktemplate, {})
    n.plugin("stop", "gbt")  # the node's own is there again
    t = n.getblocktemplate(RULES)
    equal(n.submitblock(block_of(t).hex()), None)
    equal(n.getblockcount(), 3)
    n.stop()


def light_block(t, script=b"\x51"):
    """A solution of a light template: id, header, coinbase."""
    c = t["coinbase"]
    prefix, last = bytes.fromhex(c["prefix"]), bytes.fromhex(c["lastoutputs"])
    coinbase = c["version"].to_bytes(4, "little") + b"\1" + 32 * b"\0" + 4 * b"\xff" + compact(
        len(prefix) + 2) + prefix + b"\1\0" + c["sequence"].to_bytes(4, "little") + compact(
        1 + c["nlastoutputs"]) + t["coinbasevalue"].to_bytes(8, "little") + compact(
        len(script)) + script + last + c["locktime"].to_bytes(4, "little")
    root = sha256d(coinbase)
    for step in t["merklepath"]:
        root = sha256d(root + bytes.fromhex(step))
    front = t["version"].to_bytes(4, "little") + wire(t["previousblockhash"]) + root + t["curtime"].to_bytes(
        4, "little") + int(t["bits"], 16).to_bytes(4, "little")
    nonce = 0
    while int.from_bytes(sha256d(front + nonce.to_bytes(4, "little")), "little") > int(t["target"], 16):
        nonce += 1
    return {"template": t["template"], "version": t["version"], "time": t["curtime"], "nonce": nonce,
            "coinbase": coinbase.hex()}


@short
def test_gbt_light_is_solved_by_id(case):
    n = with_gbt(case)
    coins = fund(n, 2)
    for i, fee in enumerate((700, 5000)):
        Tx(coins[i:i + 1], fee).send(n)
    t = n.call("gbt.light", RULES)
    equal((t["transactions"], t["fees"]), (2, 5700))
    equal(n.call("gbt.solve", light_block(t)), None)
    equal(n.call("gbt.solve", light_block(t)), "duplicate")
    equal((n.getblockcount(), n.getrawmempool()), (t["height"], []))
    n.mine(1)
    equal(n.call("gbt.solve", light_block(dict(t, coinbasevalue=1))), "inconclusive")
    n.stop()


def test_ids_of_templates_rise_over_restarts(case):
    """Whatever the clock says: a plugin may ask for one that it was given before a restart."""
    n = with_gbt(case)
    ids = []
    for _ in range(3):
        for _ in range(2):
            n.mine(1)
            ids.append(int(n.call("gbt.light", RULES)["template"]))
        n.stop()
        if len(ids) == 4:  # as after a long run, or one with a clock ahead of today's
            with open(os.path.join(n.chain_dir, "template_id"), "w") as f:
                f.write(str(1 << 52))
        n.start()
        running(n, "gbt")
    assert all(a < b for a, b in zip(ids, ids[1:])), ids
    assert 0 < ids[0] and ids[3] < 1 << 52 < ids[4] and ids[-1] < 1 << 53, ids
    n.stop()


def test_gbt_light_before_segwit(case):
    """The coinbase must have no witness then."""
    n = with_gbt(case, conf="testactivationheight=segwit@100\n")
    t = n.call("gbt.light", RULES)
    equal(n.call("gbt.solve", light_block(t)), None)
    equal(n.getblockcount(), t["height"])
    n.stop()


# ---- stratum ----

def with_stratum(case, config="", chain="regtest", conf="", mode="isolated", connections=2000):
    port = free_port()
    n = case.node(conf, chain=chain)
    grant(n, "stratum", MINING + f"store.own/1 = quota=256MB\nrpc.serve/1 = prefix=stratum.\n"
          f"net.listen/1 = 127.0.0.1:{port}, max_conns={connections}", f"listen = 127.0.0.1:{port}\n{config}", mode,
          "cpu = latency")
    n.start()
    running(n, "stratum")
    n.stratum_port = port
    return n


def refused(code, f, *args):
    try:
        got = f(*args)
    except Refused as e:
        equal(e.args[0], code)
    else:
        raise AssertionError(f"wanted error {code}, got {got!r}")


def mined_to(n, script):
    """Height of the tip when its coinbase pays the script."""
    block = n.getblock(n.getbestblockhash(), 2)
    equal(block["tx"][0]["vout"][0]["scriptPubKey"]["hex"], script)
    return block["height"]


@short
def test_stratum_finds_blocks_on_regtest(case):
    for mode in ("isolated", "trusted"):
        n = with_stratum(case, "refresh_s = 1", mode=mode)
        coin = fund(n, 2)
        Tx(coin[:1], 4000).send(n)
        c = Client(n.stratum_port, ADDRESS + ".rig1")
        c.start(roll="ffffffff")
        equal(c.mask, 0x1fffe000)
        height = n.getblockcount()
        c2 = Client(n.stratum_port, ADDRESS + ".rig2")
        job = c2.start()
        while not job.branch:  # until the transaction is in it
            job = c2.job()
        c2.mine(job)
        equal(mined_to(n, SCRIPT), height + 1)
        equal(n.getrawmempool(), [])
        job = c2.job()
        equal((job.clean, job.branch), (True, []))
        nonce, _ = job.solve(c2.en1, 8 * b"\7", job.network_target())
        equal(c2.submit(job, 8 * b"\7", nonce), True)
        equal(mined_to(n, SCRIPT), height + 2)
        status = n.call("stratum.status")
        equal((status["connections"], status["blocks"], status["last_block"]), (2, 2, n.getbestblockhash()))
        equal({w["name"]: w["blocks"] for w in n.call("stratum.workers")},
              {ADDRESS + ".rig1": 0, ADDRESS + ".rig2": 2})
        equal([s["block"] for s in n.call("stratum.shares")], [True, True])
        c.close()
        c2.close()
        n.stop()


def test_stratum_on_a_signet_and_the_block_reaches_bitcoind(case):
    n = with_stratum(case, "start_difficulty = 0.00001\nmin_difficulty = 0.00001", "signet", SIGNET)
    other = case.node(SIGNET, chain="signet", kind=Bitcoind)
    other.start()
    n.join(other)
    c = Client(n.stratum_port, ADDRESS_SIGNET)
    job = c.start(roll="1fffe000")
    assert job.share_target() > job.network_target()
    h = c.mine(job)  # a share that is hardly ever a block
    while h <= job.network_target():
        h = c.mine(job)
    equal(n.call("stratum.status")["shares"]["accepted"], c.counter)
    en2 = c.en2()
    refused(23, c.submit, job, en2, job.solve(c.en1, en2, 1 << 256, above=job.share_target())[0])
    c.mine(job, job.network_target())
    equal(mined_to(n, SCRIPT), 1)
    same_tip(n, other)
    c.close()
    n.stop()
    other.stop()


@short
def test_stratum_a_job_outlives_its_server(case):
    n = with_stratum(case)
    pid = running(n, "stratum")["pid"]
    c = Client(n.stratum_port, ADDRESS + ".rig")
    job = c.start()
    en2 = c.en2()
    nonce, _ = job.solve(c.en1, en2, job.network_target())
    os.kill(pid, signal.SIGKILL)
    wait_until("it was started again", lambda: running(n, "stratum")["pid"] != pid)
    wait_until("the client has noticed", lambda: c.closed)
    again = Client(n.stratum_port, ADDRESS + ".rig")
    again.start(session=c.session)
    equal(again.en1, c.en1)
    equal(again.submit(job, en2, nonce), True)
    equal(mined_to(n, SCRIPT), 1)
    # Again while the tip has gone on: a block all the same, though not the tip.
    job = again.newest()
    nonce, _ = job.solve(again.en1, en2, job.network_target())
    n.mine(2)
    late = again.newest()
    assert late.prev != job.prev
    refused(21, again.submit, job, en2, nonce)
    wait_until("the server says what became of it", lambda: "was not accepted: inconclusive" in n.log())
    equal(len(n.getchaintips()), 2)
    n.stop()


def test_stratum_bits_of_the_version(case):
    """Bits that are the miner's are told as clear: some submit what they have set, some what differs
    from what they were told. What else the node signals stays."""
    for mask in (0x1fffe000, 0x1fffffe0):
        n = with_stratum(case, f"version_mask = {mask:08x}")
        n.mine(300)  # a deployment of regtest is signalled by now: bit 28
        equal(n.getblocktemplate(RULES)["version"], 0x30000000)
        c = Client(n.stratum_port, ADDRESS + ".rig")
        job = c.start(roll="ffffffff")
        equal((c.mask, job.version), (mask, 0x20000000))
        for bits in (0, 0x2000, mask):
            en2, height = c.en2(), n.getblockcount()
            version = job.version | bits
            nonce, _ = job.solve(c.en1, en2, job.network_target(), version=version)
            equal(c.submit(job, en2, nonce, version ^ job.version), True)
            equal(n.getblockcount(), height + 1)
            equal(n.getblockheader(n.getbestblockhash())["version"], version)
            job = c.newest()
            while job.prev != wire(n.getbestblockhash()):
                job = c.newest()
        en2 = c.en2()
        nonce, _ = job.solve(c.en1, en2, 1 << 256, above=job.network_target())
        refused(20, c.call, "mining.submit", c.user, job.id, en2.hex(), f"{job.time:08x}", f"{nonce:08x}", "00000001")
        c.close()
        n.stop()


def test_stratum_pays_several(case):
    second = "bcrt1qqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0scjhmyt"
    n = with_stratum(case, f"solo = 0\npayout = {ADDRESS} {second}=25\ntag = /mine/")
    c = Client(n.stratum_port, "any name")
    c.mine(c.start())
    tx = n.getblock(n.getbestblockhash(), 2)["tx"][0]
    equal([(o["value"], o["scriptPubKey"].get("address")) for o in tx["vout"][:2]],
          [(48.75, ADDRESS), (1.25, second)])
    assert b"/mine/".hex() in tx["vin"][0]["coinbase"]
    c.close()
    n.stop()


@short
def test_stratum_after_a_restart_of_the_node(case):
    """A job without transactions is a block still; of another the miner is told that it is none."""
    n = with_stratum(case, "refresh_s = 1")
    coins = fund(n, 1)
    c = Client(n.stratum_port, ADDRESS + ".rig")
    bare = c.start()
    Tx(coins, 4000).send(n)
    full = c.job()
    while not full.branch:
        full = c.job()
    solved = [(job, en2, job.solve(c.en1, en2, job.network_target())[0]) for job, en2 in
              ((full, c.en2()), (bare, c.en2()))]
    height = n.getblockcount()
    n.stop()
    n.start()
    running(n, "stratum")
    again = Client(n.stratum_port, ADDRESS + ".rig")
    again.start(session=c.session)
    equal(again.en1, c.en1)
    refused(20, again.submit, *solved[0])
    wait_until("the log says so", lambda: "is LOST" in n.log())
    equal(again.submit(*solved[1]), True)
    equal(mined_to(n, SCRIPT), height + 1)
    n.stop()


def heavy(coin, fee, weight):
    """A transaction of this weight that spends a coin."""
    def raw(pad):
        ins = wire(coin[0]) + struct.pack("<I", coin[1]) + b"\0" + b"\xfd\xff\xff\xff"
        data = b"\x6a\x4e" + struct.pack("<I", pad) + bytes(pad)
        body = b"\1" + ins + b"\2" + struct.pack("<q", coin[2] - fee) + compact(len(ANYBODY)) + ANYBODY + \
            struct.pack("<q", 0) + compact(len(data)) + data
        return struct.pack("<i", 2) + b"\0\1" + body + b"\1\1\x51" + bytes(4), 3 * (8 + len(body))
    plain, more = raw(90000)
    return raw(90000 + (weight - len(plain) - more) // 4)[0]


@short
def test_stratum_blocks_have_room_for_their_coinbase(case):
    """Sixteen outputs where the operator reserves next to nothing, and a mempool that fills the rest."""
    second = "bcrt1qqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0scjhmyt"
    n = with_stratum(case, f"payout = {ADDRESS} {' '.join(15 * [second + '=10'])}\nrefresh_s = 1",
                     conf="blockreservedweight=2000\nacceptnonstdtxn=1\ndatacarriersize=200000\n")
    coins, room = fund(n, 10), 3997998
    for coin in coins:
        n.sendrawtransaction(heavy(coin, 200000, room // 10).hex(), 0)
    height = n.getblockcount()
    c = Client(n.stratum_port, ADDRESS)
    job = c.start()
    while len(job.branch) < 4:
        job = c.job()
    c.mine(job, job.network_target())
    equal(n.getblockcount(), height + 1)
    block = n.getblock(n.getbestblockhash(), 2)
    equal((len(block["tx"]), len(block["tx"][0]["vout"])), (10, 17))  # the tenth found no room
    n.stop()


def test_stratum_survives_a_flood(case):
    """Twenty clients, each with a thousand shares that are none, at once; a block is found meanwhile."""
    n = with_stratum(case)
    clients, jobs = [], []
    for i in range(20):
        clients.append(Client(n.stratum_port, f"{ADDRESS}.flood{i}"))
        jobs.append(clients[-1].start())
    c = Client(n.stratum_port, ADDRESS + ".honest")
    job = c.start()

    def flood(c, job):
        line = ("{\"id\":0,\"method\":\"mining.submit\",\"params\":[\"%s\",\"%s\",\"0000000000000000\",\"00000001\","
                "\"%08x\"]}\n")
        try:
            c.sock.sendall("".join(line % (c.user, job.id, i) for i in range(1000)).encode())
        except OSError:
            pass  # it was thrown out
    threads = [threading.Thread(target=flood, args=x) for x in zip(clients, jobs)]
    for t in threads:
        t.start()
    # From the same address as the flood: whoever is connected goes on.
    c.mine(job)
    for t in threads:
        t.join()
    mined_to(n, SCRIPT)
    wait_until("the address is banned", lambda: n.call("stratum.status")["banned"] == 1)
    status = n.call("stratum.status")
    assert status["shares"]["invalid"] + status["shares"]["low"] >= 2000, status
    equal(running(n, "stratum")["state"], "RUNNING")
    late = socket.create_connection(("127.0.0.1", n.stratum_port), 20)
    late.settimeout(20)
    equal(late.recv(1), b"")
    n.stop()


def test_stratum_a_thousand_connections(case):
    n = with_stratum(case)
    clients = []
    hello = (b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n"
             b"{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s.w\",\"\"]}\n" % ADDRESS.encode())
    for _ in range(1000):
        s = socket.create_connection(("127.0.0.1", n.stratum_port), 20)
        s.sendall(hello)
        clients.append(s)
    wait_until("all mine", lambda: n.call("stratum.status")["mining"] == 1000)
    n.mine(1)
    tip = n.getbestblockhash()
    words = bytes.fromhex(tip)[::-1]
    prev = b"".join(words[i:i + 4][::-1] for i in range(0, 32, 4)).hex().encode()
    for s in clients:
        s.settimeout(20)
        text = b""
        while prev not in text:
            text += s.recv(65536)
        s.close()
    wait_until("all have gone", lambda: n.call("stratum.status")["connections"] == 0)
    n.stop()


def test_stratum_knows_how_many_it_may_serve(case):
    """Where the grant has room for fewer than are configured: a place stays free for who makes others
    make way, and the log says what to do."""
    n = with_stratum(case, connections=8)
    wait_until("it says so", lambda: "max_connections is 1000, but there is room for 8" in n.log())
    equal(n.call("stratum.status")["connections_max"], 7)
    clients = [Client(n.stratum_port, f"{ADDRESS}.{i}") for i in range(7)]
    for c in clients:
        c.start()
    for _ in range(3):
        late = socket.create_connection(("127.0.0.1", n.stratum_port), 20)
        late.settimeout(20)
        equal(late.recv(1), b"")
        late.close()
    equal(n.call("stratum.status")["connections_refused"], 3)
    n.stop()
    n = with_stratum(case, "max_connections = 100", connections=101)
    equal(n.call("stratum.status")["connections_max"], 100)
    assert "there is room for" not in n.log()
    n.stop()


def test_stratum_ten_thousand_connections(case):
    """One process of the server has them all, and each hears of a new tip."""
    load_program = program("tests/bench/stratum_load")
    if not os.path.exists(load_program):
        raise Skip("tests/bench/stratum_load was not built")
    many = 10000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < many + 100:
        raise Skip("not so many descriptors here")
    n = with_stratum(case, f"max_connections = {many}\nper_address = {many}", connections=many + 1)
    load = subprocess.Popen([load_program, str(n.stratum_port), str(many), ADDRESS], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        equal(load.stdout.readline(), "ready\n")
        wait_until("all mine", lambda: n.call("stratum.status")["mining"] == many)
        load.stdin.write("\n")
        load.stdin.flush()
        equal(load.stdout.readline(), "listening\n")
        n.mine(1)
        equal(len(load.stdout.readline().split()), 4)  # each has heard
        equal(load.stdout.readline(), "quiet\n")
        equal(n.call("stratum.status")["told"]["connections"], many)
    finally:
        load.stdin.close()
        load.wait(60)
    wait_until("all have gone", lambda: n.call("stratum.status")["connections"] == 0)
    n.stop()


def test_stratum_behind_stunnel(case):
    """TLS, as the README says."""
    import ssl
    stunnel, openssl = shutil.which("stunnel4") or shutil.which("stunnel"), shutil.which("openssl")
    if not stunnel or not openssl:
        raise Skip("no stunnel or no openssl here")
    n = with_stratum(case)
    port = free_port()
    pem, conf = os.path.join(case.dir, "stratum.pem"), os.path.join(case.dir, "stunnel.conf")
    made = subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                           "/CN=localhost", "-keyout", pem + ".key", "-out", pem + ".crt"], capture_output=True)
    equal(made.returncode, 0)
    with open(pem, "w") as out:
        for part in (".key", ".crt"):
            with open(pem + part) as f:
                out.write(f.read())
    os.chmod(pem, 0o600)
    with open(conf, "w") as f:
        f.write(f"foreground = yes\npid =\n[stratum]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{n.stratum_port}\n"
                f"cert = {pem}\nTIMEOUTidle = 86400\n")
    with open(os.path.join(case.dir, "stunnel.log"), "w") as log:
        p = subprocess.Popen([stunnel, conf], stdout=log, stderr=log)
    try:
        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_until("stunnel listens", listens)
        context = ssl.create_default_context(cafile=pem + ".crt")
        c = Client(port, ADDRESS, wrap=lambda s: context.wrap_socket(s, server_hostname="localhost"))
        c.mine(c.start())
        mined_to(n, SCRIPT)
        c.close()
    finally:
        p.terminate()
        p.wait(20)
    n.stop()


# ---- miner ----

@short
def test_miner_finds_blocks_on_regtest(case):
    n = case.node()
    grant(n, "miner", MINING + "rpc.serve/1 = prefix=miner.", limits="threads = 3")
    n.start()
    running(n, "miner")
    expect_error(-8, "Who is to be paid?", n.call, "miner.start")
    equal(n.call("miner.start", ADDRESS, 5)["running"], True)
    assert f"mining to {ADDRESS}: 2 threads, " in n.log()
    wait_until("five blocks", lambda: not n.call("miner.status")["running"])
    equal(mined_to(n, SCRIPT), 5)
    n.call("miner.start", "51", 0, 100)
    wait_until("more", lambda: n.getblockcount() > 7)
    equal(n.call("miner.stop")["running"], False)
    equal(mined_to(n, "51"), n.getblockcount())
    status = n.call("miner.status")
    assert status["blocks"] >= 3 and status["hashes"] > 0, status
    n.stop()


def test_methods_are_there_from_the_start(case):
    """Who calls while a plugin is still starting waits for it."""
    n = case.node()
    grant(n, "miner", MINING + "rpc.serve/1 = prefix=miner.", limits="threads = 3")
    grant(n, "gbt", MINING + "mining.check/1 = yes\nrpc.serve/1 = prefix=gbt., names=getblocktemplate")
    for _ in range(3):
        n.spawn()

        def answered():
            try:
                return n.call("miner.status")
            except (OSError, http.client.HTTPException):
                return None
            except RpcError as e:
                assert e.code == -28, e  # the node itself is not ready
                return None
        equal(wait_until("the miner answers", answered)["running"], False)
        equal(n.call("gbt.getblocktemplate", RULES)["height"], 1)
        expect_error(-32601, "Method not found", n.call, "miner.nothing")
        expect_error(-32601, "Method not found", n.call, "stratum.status")
        n.stop()


def test_miner_finds_blocks_on_a_signet(case):
    n = case.node(SIGNET, chain="signet")
    grant(n, "miner", MINING + "rpc.serve/1 = prefix=miner.", f"payto = {ADDRESS_SIGNET}\nautostart = 1\nblocks = 2")
    n.start()
    running(n, "miner")
    wait_until("two blocks", lambda: n.getblockcount() == 2, 120)
    equal(mined_to(n, SCRIPT), 2)
    wait_until("it stops", lambda: not n.call("miner.status")["running"])
    assert n.call("miner.status")["hashes"] > 10000
    assert f"mining to {ADDRESS_SIGNET}: on its one loop ([limits] threads" in n.log()
    n.stop()


def test_miner_knows_what_it_cannot_do(case):
    n = case.node(chain="signet")  # the public one
    grant(n, "miner", MINING + "rpc.serve/1 = prefix=miner.")
    n.start()
    running(n, "miner")
    expect_error(-8, "need a signature", n.call, "miner.start", ADDRESS_SIGNET)
    n.stop()


def test_the_files_are_fit(case):
    for name in ("template-watch", "gbt", "stratum", "miner"):
        got = subprocess.run([program("quoin-plugin"), "lint", plugin_file(name)], capture_output=True, text=True)
        equal((name, got.returncode, got.stderr), (name, 0, ""))
