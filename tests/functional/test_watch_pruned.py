"""Watching on a node that has pruned: a rescan goes as far as blocks reach, what lies before is a
clear error, and blocks that were pruned unheard are said to be missing."""
import many
from framework import equal, wait_until
from plugin_node import grant, running
from test_watch import GRANTS, Watcher

CONF = "prune=1\nfastprune=1\n"
PRUNED = -10  # QN_E_PRUNED


class Pruned(Watcher):
    """On such a node."""

    def __init__(self, case):
        self.node, self.cursor, self.events = case.node(CONF), 0, []
        grant(self.node, "watch", GRANTS)
        self.start()


def prune(node, height):
    """Lowest height that is there."""
    assert node.pruneblockchain(height) > 0
    lowest = node.getblockchaininfo()["pruneheight"]
    assert 0 < lowest <= height + 1, lowest
    return lowest


def test_a_rescan_goes_as_far_as_blocks_reach(case):
    node = case.node(CONF)
    many.grant(node)
    node.start()
    running(node, many.ID)
    node.mine(600, "53")
    lowest = prune(node, 300)
    wait_until("it was told", lambda: node.call("good.counts")["height"] == 600)
    equal(node.call("good.named", "53")["hits"], 0)
    # What lies before is refused, with the height that is there.
    for start in (0, 1, lowest - 1):
        got = node.call("good.rescan", start)
        equal((got["status"], got["scans"], got["lowest"]), (PRUNED, 0, lowest))
    for start in (lowest, 450):
        equal(node.call("good.rescan", start)["status"], 0)
        wait_until("it was looked through", lambda: node.call("good.counts")["scans"] == 0)
        got = node.call("good.counts")
        equal((got["scan_status"], got["scanned"]), (0, 600 - start + 1))
    node.stop()


def test_a_wallet_on_a_pruned_node_has_what_is_there(case):
    w = Pruned(case)
    n = w.node
    n.mine(600, "53")
    lowest = prune(n, 300)
    w.call("create", "w")
    warned = {"success": True, "warnings": [f"Blocks below {lowest} are pruned: they are not looked through"]}
    equal(w.call("import", "w", [{"desc": w.descriptor("raw(53)"), "birthday": 0},
                                 {"desc": w.descriptor("raw(5353)"), "birthday": lowest}]), [warned, {"success": True}])
    done = wait_until("the rescan is done", lambda: [e for e in w.hear() if e["event"] == "rescan"])[0]
    equal((done["status"], done["start_height"]), ("done", lowest))
    equal(w.call("transactions", "w", 1)["total"], 600 - lowest + 1)
    equal(w.call("list", "w")["descriptors"][0]["birthday"], 0)
    # Blocks go while it is away: it says so, and knows what came afterwards.
    n.plugin("stop", "watch")
    n.mine(600, "53")
    lowest = prune(n, 900)
    n.plugin("start", "watch")
    running(n, "watch")
    w.caught_up()
    gap = wait_until("the gap is told", lambda: [e for e in w.hear() + w.events if e["event"] == "gap"])[0]
    assert gap, gap
    heights = {t["blockheight"] for t in w.call("transactions", "w", 10000)["transactions"]}
    assert set(range(lowest, 1201)) <= heights and not set(range(601, lowest)) & heights, (lowest, len(heights))
    n.stop()
