"""Transactions that are sent in private (-privatebroadcast)."""
from fakes import Socks5
from framework import equal, expect_error, same_tip, wait_until
from test_mining import Tx, fund

ONION = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
REQUESTED = "Private broadcast of own transactions requested (-privatebroadcast)"
OFF = "Private broadcast is not enabled."


def test_it_is_refused_where_there_is_no_way_for_it(case):
    n = case.node(automatic=True)
    n.fails(f"{REQUESTED}, but none of Tor or I2P networks is reachable", "-privatebroadcast")
    n.fails(f"{REQUESTED}, but -connect is also configured. They are incompatible because the private broadcast needs "
            "to open new connections to randomly chosen Tor or I2P peers. Consider using -maxconnections=0 "
            "-addnode=... instead", "-privatebroadcast", "-connect=127.0.0.1:1", "-onion=127.0.0.1:1")
    n.start()
    expect_error(-32601, OFF, n.getprivatebroadcastinfo)
    expect_error(-32601, OFF, n.abortprivatebroadcast, "00" * 32)
    n.restart("-privatebroadcast", "-listenonion=1", "-torcontrol=127.0.0.1:1")  # Tor may come yet
    expect_error(-22, "TX decode failed", n.sendrawtransaction, "00")
    expect_error(-1, "none of the Tor or I2P networks is reachable", n.sendrawtransaction,
                 Tx([("00" * 32, 0, 5000)], 100).raw.hex())


def test_a_transaction_goes_to_a_peer_that_learns_nothing_else(case):
    far = case.node("debug=net\n").start()
    coins = fund(far, 3)
    onions = Socks5({ONION: ("127.0.0.1", far.p2p_port)})
    node = case.node("debug=privatebroadcast\n", automatic=True)
    node.start("-privatebroadcast", f"-onion={onions.address}", "-maxconnections=0")
    assert "hand in is announced to all peers" in node.log()
    node.addnode(far.address(), "onetry")
    same_tip(far, node)
    node.disconnectnode(far.address())
    equal(node.addpeeraddress(ONION, 8333), {"success": True})
    tx = Tx(coins[:1], 1000)
    expect_error(-25, "Fee exceeds maximum", node.sendrawtransaction, tx.raw.hex(), 0.00000001)
    equal(node.getprivatebroadcastinfo(), {"transactions": []})
    tx.send(node)
    wait_until("it has arrived", lambda: far.getrawmempool() == [tx.txid])
    equal(node.getrawmempool(), [])
    assert "receive version message: /pynode:0.0.1/: version 70016, blocks=0, txrelay=0" in far.log()

    def told():
        found = node.getprivatebroadcastinfo()["transactions"]
        equal([(t["txid"], t["wtxid"], t["hex"]) for t in found], [(tx.txid, tx.wtxid, tx.raw.hex())])
        return any(p.get("received", 0) >= p["sent"] > 0 and p["address"] == f"{ONION}:8333" for p in found[0]["peers"])
    wait_until("it was received", told)
    for asked in list(onions.asked.queue):
        equal(asked[1:3], (ONION, 8333))
    equal([p for p in far.getpeerinfo() if p["version"] == 70016 and p["bytessent_per_msg"].get("addr")], [])

    node.addnode(far.address(), "onetry")
    wait_until("connected", lambda: any(p["connection_type"] == "manual" and p["version"] for p in node.getpeerinfo()))
    far.sendrawtransaction(tx.raw.hex())  # tells all peers
    wait_until("it comes back", lambda: node.getrawmempool() == [tx.txid])
    equal(node.getprivatebroadcastinfo(), {"transactions": []})
    assert f"Received our privately broadcast transaction (txid={tx.txid}) from the network" in node.log()

    onions.hosts.clear()
    other = Tx(coins[1:2], 1000).send(node)
    equal([t["peers"] for t in node.getprivatebroadcastinfo()["transactions"]], [[]])
    equal(node.abortprivatebroadcast(other.wtxid), {"removed_transactions": [
        {"txid": other.txid, "wtxid": other.wtxid, "hex": other.raw.hex()}]})
    expect_error(-5, "Transaction not in private broadcast queue", node.abortprivatebroadcast, other.wtxid)
    equal(node.getrawmempool(), [tx.txid])
