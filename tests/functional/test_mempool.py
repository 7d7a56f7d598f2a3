"""The mempool: what gets in, what is told of it, what the operator says, files, fees, peers."""
import os
import shutil

from framework import equal, expect_error, same_tip, wait_until
from handmade import Peer, wire
from test_mining import ANYBODY, COIN, Tx, fund

EMPTY = "00" * 32
ENTRY = ["vsize_adjusted", "vsize", "vsize_bip141", "weight", "time", "height", "descendantcount",
         "descendantsize", "ancestorcount", "ancestorsize", "wtxid", "chunkweight", "fees", "depends",
         "spentby", "unbroadcast"]


def short(test):
    test.short = True
    return test


def btc(satoshis):
    return satoshis / COIN


@short
def test_options_are_judged_before_anything_is_touched(case):
    n = case.node()
    for option in ("minrelaytxfee", "incrementalrelayfee", "dustrelayfee"):
        for bad in ("abc", "-1", "0.123456789", "21000001", "1 1", ""):
            n.fails(f"Invalid amount for -{option}=<amount>: '{bad}'", f"-{option}={bad}")
    n.fails("limitclustercount must be less than or equal to 64", "-limitclustercount=65")
    n.fails("-maxmempool must be at least 5 MB", "-maxmempool=4")
    n.fails("-maxmempool must be at least 1 MB", "-maxmempool=-1", "-limitclustersize=20")
    n.start("-blocksonly", "-incrementalrelayfee= 0.00002 ", "-datacarrier=0", "-permitbaremultisig=0",
            "-limitclustercount=9", "-limitclustersize=50")
    info = n.getmempoolinfo()
    equal({k: info[k] for k in ("maxmempool", "minrelaytxfee", "incrementalrelayfee", "mempoolminfee",
                                "maxdatacarriersize", "permitbaremultisig", "limitclustercount",
                                "limitclustersize")},
          {"maxmempool": 5000000, "minrelaytxfee": 0.00002, "incrementalrelayfee": 0.00002,
           "mempoolminfee": 0.00002, "maxdatacarriersize": 0, "permitbaremultisig": False,
           "limitclustercount": 9, "limitclustersize": 50000})
    assert "parameter interaction: -blocksonly=1 -> setting -maxmempool=5" in n.log()
    assert "Increasing minrelaytxfee to 0.00002000 BTC/kvB to match incrementalrelayfee" in n.log()
    equal([n.getnetworkinfo()[k] for k in ("relayfee", "incrementalfee")], [0.00002, 0.00002])
    expect_error(-32603, "Fee estimation disabled", n.estimatesmartfee, 6)


@short
def test_an_empty_pool_says_so(case):
    n = case.node().start()
    equal(n.getmempoolinfo(), {
        "loaded": True, "size": 0, "bytes": 0, "usage": n.getmempoolinfo()["usage"], "total_fee": 0,
        "maxmempool": 300000000, "mempoolminfee": 0.000001, "minrelaytxfee": 0.000001,
        "incrementalrelayfee": 0.000001, "unbroadcastcount": 0, "permitbaremultisig": True,
        "maxdatacarriersize": 100000, "limitclustercount": 64, "limitclustersize": 101000,
        "optimal": True})
    equal(n.getrawmempool(), [])
    equal(n.getrawmempool(True), {})
    equal(n.getrawmempool(False, True), {"txids": [], "mempool_sequence": 1})
    expect_error(-8, "Verbose results cannot contain mempool sequence values.", n.getrawmempool, True, True)
    equal(n.getmempoolfeeratediagram(), [{"weight": 0, "fee": 0}])
    equal(n.getprioritisedtransactions(), {})
    equal(n.getorphantxs(), [])
    expect_error(-8, "Invalid verbosity value 3", n.getorphantxs, 3)
    expect_error(-3, "Verbosity was boolean but only integer allowed", n.getorphantxs, True)
    for method in ("getmempoolentry", "getmempoolancestors", "getmempooldescendants", "getmempoolcluster"):
        expect_error(-5, "Transaction not in mempool", n.call, method, EMPTY)
        expect_error(-8, "txid must be of length 64 (not 2, for '00')", n.call, method, "00")


@short
def test_no_script_of_a_known_transaction_runs_again_in_its_block(case):
    n = case.node("debug=bench\n").start()
    coins = fund(n, 3)
    wide = Tx([coins[0]], 9000, 50).send(n)
    for c in wide.coins:
        Tx([c], 1000).send(n)
    block = n.mine(1)[0]
    equal(n.getblock(block)["nTx"], 52)
    assert f"Scripts of block {block}: 51 inputs, 0 run" in n.log()
    new = Tx(coins[1:], 1000)
    block = n.generateblock("raw(51)", [new.raw.hex()])["hash"]
    assert ": 2 inputs, 2 run" in n.log()  # when it was tried, before it had its proof of work
    assert f"Scripts of block {block}: 2 inputs, 0 run" in n.log()


@short
def test_what_is_sent_is_there_or_the_reason_is_told(case):
    n = case.node().start()
    coins = fund(n, 3)
    expect_error(-22, "TX decode failed. Make sure the tx has at least one input.", n.sendrawtransaction, "00")
    expect_error(-22, "TX decode failed. Make sure", n.sendrawtransaction, "xy")
    expect_error(-25, "bad-txns-inputs-missingorspent", n.sendrawtransaction,
                 Tx([(EMPTY[:-2] + "11", 0, COIN)], 1000).raw.hex())
    dear = Tx([coins[0]], COIN)
    expect_error(-25, "Fee exceeds maximum configured by user", n.sendrawtransaction, dear.raw.hex())
    expect_error(-8, "Fee rates larger than or equal to 1BTC/kvB are not accepted", n.sendrawtransaction,
                 dear.raw.hex(), 1)
    expect_error(-3, "Amount out of range", n.sendrawtransaction, dear.raw.hex(), -1)
    expect_error(-26, "min relay fee not met, 0 < ", n.sendrawtransaction, Tx([coins[1]], 0).raw.hex())
    equal(n.getrawmempool(), [])
    a = Tx([coins[0]], 1000).send(n)
    equal(n.sendrawtransaction(a.raw.hex()), a.txid)  # again: told again
    expect_error(-26, "insufficient fee, rejecting replacement", n.sendrawtransaction, Tx([coins[0]], 1001).raw.hex())
    b = Tx([coins[0]], 9000).send(n)
    equal(n.getrawmempool(), [b.txid])
    n.generatetodescriptor(1, "raw(51)")
    equal(n.getrawmempool(), [])
    expect_error(-27, "Transaction outputs already in utxo set", n.sendrawtransaction, b.raw.hex())


def test_outputs_that_nobody_can_spend_need_a_word(case):
    n = case.node().start()
    coins = fund(n, 1)
    raw = bytearray(Tx(coins, 1000).raw)
    at = raw.index(ANYBODY)
    raw[at:at + 2] = b"\x6a\x20"  # OP_RETURN <32 bytes>
    burn = "Unspendable output exceeds maximum configured by user (maxburnamount)"
    expect_error(-25, burn, n.sendrawtransaction, raw.hex())
    expect_error(-25, burn, n.sendrawtransaction, raw.hex(), 0.1, btc(50 * COIN - 1001))
    expect_error(-25, burn, n.submitpackage, [raw.hex()])
    equal(n.testmempoolaccept([raw.hex()])[0]["allowed"], True)
    n.sendrawtransaction(raw.hex(), 0.1, btc(50 * COIN - 1000))
    equal(n.getmempoolinfo()["size"], 1)


@short
def test_an_entry_knows_its_relatives(case):
    n = case.node().start()
    coins = fund(n, 2)
    a = Tx([coins[0]], 1000, 2).send(n)
    b = Tx([a.coins[0]], 5000).send(n)
    c = Tx([a.coins[1], b.coins[0]], 2000).send(n)
    d = Tx([coins[1]], 300).send(n)
    size = {t.txid: (t.weight + 3) // 4 for t in (a, b, c, d)}
    e = n.getmempoolentry(b.txid)
    equal(list(e), ENTRY)
    equal((e["vsize"], e["vsize_adjusted"], e["vsize_bip141"], e["weight"]), 3 * (size[b.txid],) + (b.weight,))
    equal((e["ancestorcount"], e["ancestorsize"]), (2, size[a.txid] + size[b.txid]))
    equal((e["descendantcount"], e["descendantsize"]), (2, size[b.txid] + size[c.txid]))
    equal(e["fees"], {"base": btc(5000), "modified": btc(5000), "ancestor": btc(6000), "descendant": btc(7000),
                      "chunk": btc(6000)})
    equal((e["chunkweight"], e["wtxid"], e["height"]), (a.weight + b.weight, b.wtxid, n.getblockcount()))
    equal((e["depends"], e["spentby"], e["unbroadcast"]), ([a.txid], [c.txid], True))
    equal(n.getmempoolentry(c.txid)["depends"], sorted([a.txid, b.txid]))
    equal(n.getmempoolentry(a.txid)["spentby"], sorted([b.txid, c.txid], key=wire))
    equal(n.getmempoolancestors(c.txid), sorted([a.txid, b.txid], key=wire))
    equal(n.getmempooldescendants(a.txid), sorted([b.txid, c.txid], key=wire))
    equal(n.getmempoolancestors(c.txid, True), {t.txid: n.getmempoolentry(t.txid) for t in (a, b)})
    equal(n.getmempooldescendants(b.txid, True), {c.txid: n.getmempoolentry(c.txid)})
    equal(n.getmempoolcluster(c.txid), {
        "clusterweight": a.weight + b.weight + c.weight, "txcount": 3,
        "chunks": [{"chunkfee": btc(6000), "chunkweight": a.weight + b.weight, "txs": [a.txid, b.txid]},
                   {"chunkfee": btc(2000), "chunkweight": c.weight, "txs": [c.txid]}]})
    equal(n.getrawmempool(), [a.txid, b.txid, c.txid, d.txid])
    equal(n.getrawmempool(True), {t.txid: n.getmempoolentry(t.txid) for t in (a, b, c, d)})
    equal(n.getrawmempool(False, True), {"txids": n.getrawmempool(), "mempool_sequence": 5})
    weights = [0, a.weight + b.weight, a.weight + b.weight + c.weight, a.weight + b.weight + c.weight + d.weight]
    equal(n.getmempoolfeeratediagram(), [{"weight": w, "fee": btc(f)} for w, f in zip(weights, (0, 6000, 8000, 8300))])
    info = n.getmempoolinfo()
    equal((info["size"], info["bytes"], info["total_fee"], info["unbroadcastcount"]),
          (4, sum(size.values()), btc(8300), 4))


def test_what_was_dropped_from_entries_can_be_had_back(case):
    n = case.node("deprecatedrpc=bip125\ndeprecatedrpc=fullrbf\n").start()
    a = Tx(fund(n, 1), 1000).send(n)
    equal(n.getmempoolentry(a.txid)["bip125-replaceable"], True)
    equal(n.getmempoolinfo()["fullrbf"], True)


@short
def test_coins_and_transactions_are_found_in_the_pool(case):
    n = case.node().start()
    coin, = fund(n, 1)
    a = Tx([coin], 1000, 2).send(n)
    equal(n.gettxout(coin[0], 0), None)
    equal(n.gettxout(coin[0], 0, False)["confirmations"], n.getblockcount())
    out = n.gettxout(a.txid, 1)
    equal((out["confirmations"], out["coinbase"], out["value"]), (0, False, btc(a.coins[1][2])))
    equal(out["scriptPubKey"]["hex"], ANYBODY.hex())
    equal((n.gettxout(a.txid, 2), n.gettxout(a.txid, 1, False)), (None, None))
    equal(n.getrawtransaction(a.txid), a.raw.hex())
    tx = n.getrawtransaction(a.txid, 1)
    equal((tx["vsize_adjusted"], tx["hash"], "blockhash" in tx), ((a.weight + 3) // 4, a.wtxid, False))
    asked = [{"txid": coin[0], "vout": 0}, {"txid": a.txid, "vout": 0}]
    equal(n.gettxspendingprevout(asked), [dict(asked[0], spendingtxid=a.txid), asked[1]])
    equal(n.gettxspendingprevout(asked, {"return_spending_tx": True})[0]["spendingtx"], a.raw.hex())
    equal(n.gettxspendingprevout(outputs=asked, return_spending_tx=True)[0]["spendingtx"], a.raw.hex())
    expect_error(-1, "Mempool lacks a relevant spend, and txospenderindex is unavailable.",
                 n.gettxspendingprevout, asked, {"mempool_only": False})
    equal(n.gettxspendingprevout(asked[:1], {"mempool_only": False})[0]["spendingtxid"], a.txid)
    expect_error(-8, "Invalid parameter, outputs are missing", n.gettxspendingprevout, [])
    expect_error(-8, "Invalid parameter, vout cannot be negative", n.gettxspendingprevout,
                 [{"txid": EMPTY, "vout": -1}])
    expect_error(-3, "Missing vout", n.gettxspendingprevout, [{"txid": EMPTY}])
    expect_error(-3, "Missing txid", n.gettxspendingprevout, [{}])
    expect_error(-3, "Unexpected key unknown", n.gettxspendingprevout, [{"txid": EMPTY, "vout": 0, "unknown": 1}])
    expect_error(-3, "JSON value of type string for field vout is not of expected type number",
                 n.gettxspendingprevout, [{"txid": EMPTY, "vout": "0"}])


@short
def test_a_trial_keeps_nothing(case):
    n = case.node().start()
    coins = fund(n, 2)
    a = Tx([coins[0]], 1000)
    b = Tx(a.coins, 500)
    vsize = (a.weight + 3) // 4
    want = {"txid": a.txid, "wtxid": a.wtxid, "allowed": True, "vsize_adjusted": vsize, "vsize": vsize,
            "vsize_bip141": vsize,
            "fees": {"base": btc(1000), "effective-feerate": btc(1000 * 1000 // vsize),
                     "effective-includes": [a.wtxid]}}
    equal(n.testmempoolaccept([a.raw.hex()]), [want])
    got = n.testmempoolaccept([a.raw.hex(), b.raw.hex()])
    equal((got[0], got[1]["allowed"]), (want, True))
    equal(n.getrawmempool(), [])
    equal(n.testmempoolaccept([b.raw.hex()]), [{"txid": b.txid, "wtxid": b.wtxid, "allowed": False,
                                                "reject-reason": "missing-inputs"}])
    equal(n.testmempoolaccept([b.raw.hex(), a.raw.hex()]), [
        {"txid": t.txid, "wtxid": t.wtxid, "package-error": "package-not-sorted"} for t in (b, a)])
    dear = n.testmempoolaccept([a.raw.hex(), b.raw.hex()], btc(1))
    equal(dear, [{"txid": a.txid, "wtxid": a.wtxid, "allowed": False, "reject-reason": "max-fee-exceeded"},
                 {"txid": b.txid, "wtxid": b.wtxid}])
    a.send(n)
    equal(n.testmempoolaccept([a.raw.hex()]), [
        {"txid": a.txid, "wtxid": a.wtxid, "allowed": False, "reject-reason": "txn-already-in-mempool",
         "reject-details": "txn-already-in-mempool"}])
    for bad in ([], 26 * [a.raw.hex()]):
        expect_error(-8, "Array must contain between 1 and 25 transactions.", n.testmempoolaccept, bad)
        expect_error(-8, "Array must contain between 1 and 25 transactions.", n.submitpackage, bad)
    expect_error(-22, "TX decode failed: ff00 Make sure the tx has at least one input.", n.testmempoolaccept, ["ff00"])
    expect_error(-3, "JSON value of type number is not of expected type string", n.testmempoolaccept, [7])
    expect_error(-8, "Fee rates larger than or equal to 1BTC/kvB", n.testmempoolaccept, [a.raw.hex()], 1)


@short
def test_a_child_pays_for_its_parent(case):
    n = case.node("minrelaytxfee=0.00001\n").start()
    coins = fund(n, 2)
    a = Tx([coins[0]], 0)
    b = Tx(a.coins, 4000)
    pair = [a.raw.hex(), b.raw.hex()]
    expect_error(-25, "package topology disallowed. not child-with-parents or parents depend on each other.",
                 n.submitpackage, pair[::-1])
    refused = n.submitpackage(pair, btc(10))
    equal(refused["package_msg"], "transaction failed")
    equal([refused["tx-results"][t.wtxid]["txid"] for t in (a, b)], [a.txid, b.txid])
    assert "max feerate exceeded" in refused["tx-results"][b.wtxid]["error"], refused
    equal(n.getrawmempool(), [])
    both = sorted([a.wtxid, b.wtxid])
    got = n.submitpackage(pair)
    equal((got["package_msg"], got["replaced-transactions"]), ("success", []))
    for t, fee in ((a, 0), (b, 4000)):
        r = got["tx-results"][t.wtxid]
        equal((r["txid"], r["vsize"], r["fees"]["base"]), (t.txid, (t.weight + 3) // 4, btc(fee)))
        equal(sorted(r["fees"]["effective-includes"]), both)
    equal((n.getmempoolentry(a.txid)["spentby"], n.getmempoolentry(b.txid)["depends"]), ([b.txid], [a.txid]))
    again = n.submitpackage(pair)
    equal(again["tx-results"][a.wtxid]["fees"], {"base": 0})
    equal(n.getmempoolinfo()["unbroadcastcount"], 0)
    c = Tx([coins[1]], 1000).send(n)
    better = Tx([coins[1]], 2000)
    equal(n.submitpackage([better.raw.hex()])["replaced-transactions"], [c.txid])


@short
def test_the_operator_says_what_counts(case):
    n = case.node().start()
    coins = fund(n, 2)
    a, b = Tx([coins[0]], 1000).send(n), Tx([coins[1]], 2000).send(n)
    equal(n.getrawmempool(), [b.txid, a.txid])
    equal(n.prioritisetransaction(a.txid, 0, 5000), True)
    equal(n.prioritisetransaction(txid=EMPTY, fee_delta=-7), True)
    equal(n.getrawmempool(), [a.txid, b.txid])
    equal(n.getprioritisedtransactions(), {EMPTY: {"fee_delta": -7, "in_mempool": False},
                                           a.txid: {"fee_delta": 5000, "in_mempool": True, "modified_fee": 6000}})
    equal(n.getmempoolentry(a.txid)["fees"]["modified"], btc(6000))
    equal(n.getmempoolinfo()["total_fee"], btc(3000))
    n.prioritisetransaction(a.txid, None, -5000)
    equal(list(n.getprioritisedtransactions()), [EMPTY])
    expect_error(-8, "Priority is no longer supported, dummy argument to prioritisetransaction must be 0.",
                 n.prioritisetransaction, a.txid, 1, 5000)
    expect_error(-8, "txid must be of length 64 (not 3, for 'foo')", n.prioritisetransaction, "foo", 0, 0)


@short
def test_the_pool_outlives_the_node(case):
    n = case.node().start()
    coins = fund(n, 2)
    a = Tx([coins[0]], 1000).send(n)
    b = Tx(a.coins, 2000).send(n)
    n.prioritisetransaction(b.txid, 0, 77)
    n.prioritisetransaction(EMPTY, 0, 5)
    before = n.getrawmempool(True)
    n.restart()
    equal(n.getrawmempool(True), before)
    equal(len(n.getprioritisedtransactions()), 2)
    assert "Imported mempool transactions from file: 2 succeeded, 0 failed, 0 expired, 0 already there, 2 waiting" \
        in n.log()
    n.restart("-persistmempool=0")
    equal(n.getrawmempool(), [])
    equal(n.savemempool(), {"filename": n.path("mempool.dat")})
    n.restart()  # which has kept what was saved: nothing
    equal(n.getrawmempool(), [])
    a.send(n)
    kept = n.path("kept.dat")
    n.restart("-persistmempoolv1")
    n.savemempool()
    with open(n.path("mempool.dat"), "rb") as f:
        data = f.read()
    equal((data[:8], a.raw in data), (b"\1" + 7 * b"\0", True))
    shutil.copy(n.path("mempool.dat"), kept)
    n.stop()
    with open(n.path("mempool.dat"), "wb") as f:
        f.write(data[:-20])
    n.start()
    equal(n.getrawmempool(), [a.txid])
    assert "Failed to deserialize mempool data on file" in n.log()
    n.stop()
    os.unlink(n.path("mempool.dat"))
    n.start()
    equal(n.getrawmempool(), [])
    equal(n.importmempool(kept), {})
    equal(n.getrawmempool(), [a.txid])
    expect_error(-1, "Unable to import mempool file, see debug log for details.", n.importmempool, n.path("none"))
    os.mkdir(n.path("mempool.dat"))
    expect_error(-1, "Unable to dump mempool to disk", n.savemempool)
    os.rmdir(n.path("mempool.dat"))


def test_what_an_imported_file_says_is_believed_if_asked(case):
    n = case.node().start()
    coin, = fund(n, 1)
    now = n.getblockheader(n.getbestblockhash())["time"] + 100
    n.setmocktime(now)
    a = Tx([coin], 1000).send(n)
    n.prioritisetransaction(a.txid, 0, 50)
    n.savemempool()
    shutil.copy(n.path("mempool.dat"), n.path("kept.dat"))
    n.restart("-persistmempool=0", f"-mocktime={now + 500}")
    n.importmempool(n.path("kept.dat"))
    e = n.getmempoolentry(a.txid)
    equal((e["time"], e["unbroadcast"], e["fees"]["modified"]), (now + 500, False, btc(1000)))
    n.restart("-persistmempool=0", f"-mocktime={now + 500}")
    n.importmempool(n.path("kept.dat"), {"use_current_time": False, "apply_fee_delta_priority": True,
                                         "apply_unbroadcast_set": True})
    e = n.getmempoolentry(a.txid)
    equal((e["time"], e["unbroadcast"], e["fees"]["modified"]), (now, True, btc(1050)))
    fresh = case.node().start()
    expect_error(-10, "Can only import the mempool after the block download and sync is done.",
                 fresh.importmempool, n.path("kept.dat"))


def test_what_waits_too_long_goes(case):
    n = case.node("mempoolexpiry=1\n").start()
    coins = fund(n, 2)
    now = n.getblockheader(n.getbestblockhash())["time"] + 100
    n.setmocktime(now)
    Tx([coins[0]], 1000).send(n)
    n.setmocktime(now + 3700)
    b = Tx([coins[1]], 1000).send(n)
    equal(n.getrawmempool(), [b.txid])


@short
def test_blocks_that_leave_give_back_what_they_took(case):
    n = case.node().start()
    coin, = fund(n, 1)
    a = Tx([coin], 1000).send(n)
    block, = n.generatetodescriptor(1, "raw(51)")
    equal(n.getrawmempool(), [])
    n.invalidateblock(block)
    equal(n.getrawmempool(), [a.txid])
    n.reconsiderblock(block)
    equal(n.getrawmempool(), [])


@short
def test_fees_are_estimated_from_what_was_mined(case):
    n = case.node().start()
    equal(n.estimatesmartfee(6), {"errors": ["Insufficient data or no feerate found"], "blocks": 0})
    equal(n.estimatesmartfee(6, "ConServative")["blocks"], 0)
    expect_error(-8, 'Invalid estimate_mode parameter, must be one of: "unset", "economical", "conservative"',
                 n.estimatesmartfee, 6, "foo")
    for bad in (0, 1009, -1):
        expect_error(-8, "Invalid conf_target, must be between 1 and 1008", n.estimatesmartfee, bad)
        expect_error(-8, "Invalid conf_target, must be between 1 and 1008", n.estimaterawfee, bad)
    expect_error(-8, "Invalid threshold", n.estimaterawfee, 1, 1.1)
    raw = n.estimaterawfee(20)
    equal(list(raw), ["medium", "long"])
    equal(list(raw["medium"]), ["decay", "scale", "fail", "errors"])
    equal((raw["medium"]["scale"], raw["medium"]["decay"]), (2, 0.9952))
    equal(list(n.estimaterawfee(12)), ["short", "medium", "long"])
    coins = fund(n, 40)
    for i in range(0, 40, 4):
        for c in coins[i:i + 4]:
            Tx([c], 10000).send(n)
        n.generatetodescriptor(1, "raw(51)")
    before = n.estimaterawfee(2, 0.5)
    assert before["short"]["feerate"] > 0, before
    n.restart("-acceptstalefeeestimates")
    equal(n.estimaterawfee(2, 0.5)["short"]["feerate"], before["short"]["feerate"])


@short
def test_a_transaction_finds_its_way_to_other_nodes(case):
    a, b = case.node().start(), case.node().start()
    coin, = fund(a, 1)
    b.join(a)
    same_tip(a, b)
    t = Tx([coin], 1000).send(a)
    equal(a.getmempoolinfo()["unbroadcastcount"], 1)
    wait_until("the transaction to arrive", lambda: b.getrawmempool() == [t.txid])
    wait_until("that to be noticed", lambda: a.getmempoolinfo()["unbroadcastcount"] == 0)
    equal(b.getmempoolinfo()["unbroadcastcount"], 0)


def test_an_orphan_waits_for_its_parent(case):
    n = case.node().start()
    coin, = fund(n, 1)
    parent = Tx([coin], 1000)
    child = Tx(parent.coins, 1000)
    p = Peer(n)
    p.ask("tx", child.raw)
    equal(n.getorphantxs(), [child.txid])
    vsize = (child.weight + 3) // 4
    want = {"txid": child.txid, "wtxid": child.wtxid, "bytes": len(child.raw), "vsize": vsize,
            "vsize_bip141": vsize, "weight": child.weight, "from": [0]}
    equal(n.getorphantxs(1), [want])
    equal(n.getorphantxs(2), [dict(want, hex=child.raw.hex())])
    p.ask("tx", parent.raw)
    wait_until("both to be taken", lambda: sorted(n.getrawmempool()) == sorted([parent.txid, child.txid]))
    equal(n.getorphantxs(), [])
