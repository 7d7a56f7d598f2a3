"""What lies below /rest/: routes, formats, statuses, caching."""
import json
import struct

from framework import equal, wait_until
from handmade import compact, wire
from test_indexes import synced
from test_rawtx import KEYS, TXID, confirm, fund, short, spend

CONF = "rest=1\ntxindex=1\nblockfilterindex=1\n"
KINDS = {"bin": "application/octet-stream", "hex": "text/plain", "json": "application/json"}


class Rest:
    def __init__(self, node):
        self.node = node

    def ask(self, path, body=None, method="GET"):
        """(status, headers, body)"""
        return self.node.post(body, auth="", path="/rest/" + path, method=method)

    def get(self, path, form="json", query="", cache="no-store"):
        """The decoded body of a good answer."""
        status, headers, body = self.ask(f"{path}.{form}{query}")
        equal((status, headers["Content-Type"], headers["Cache-Control"]),
              (200, KINDS[form], "no-store" if cache == "no-store" else "public, immutable, max-age=86400"))
        return json.loads(body) if form == "json" else body if form == "bin" else body.decode()

    def same(self, path, raw, query="", cache="no-store"):
        """Binary and hex say the same."""
        equal(self.get(path, "bin", query, cache), raw)
        equal(self.get(path, "hex", query, cache), raw.hex() + "\n")

    def fails(self, status, text, path, body=None, method="GET"):
        got, headers, data = self.ask(path, body, method)
        equal((path, got, data.decode()), (path, status, text + "\r\n"))
        equal((headers["Content-Type"], headers["Cache-Control"]), ("text/plain", "no-store"))


def with_spend(case):
    n = case.node(CONF).start()
    coin, first = fund(n, f"wpkh({KEYS[0]})")
    tx = n.signrawtransactionwithkey(spend(n, coin), KEYS[:1])["hex"]
    block = confirm(n, tx)
    synced(n, ("txindex", "basic block filter index"))
    return n, Rest(n), coin, tx, n.decoderawtransaction(tx)["txid"], block


@short
def test_transactions_and_blocks(case):
    n, r, coin, tx, txid, block = with_spend(case)
    r.same(f"tx/{txid}", bytes.fromhex(tx))
    got = r.get(f"tx/{txid}")
    equal((got["txid"], got["hex"], got["blockhash"]), (txid, tx, block))
    r.fails(404, f"{TXID} not found", f"tx/{TXID}.json")
    r.fails(400, "Invalid hash: abc", "tx/abc.json")
    r.fails(400, "Invalid hash: ", "tx/.json")
    r.fails(404, "output format not found (available: .bin, .hex, .json)", f"tx/{txid}")
    r.fails(400, f"Invalid hash: {txid}.xml", f"tx/{txid}.xml")
    raw = bytes.fromhex(n.getblock(block, 0))
    r.same(f"block/{block}", raw, cache="yes")
    r.same(f"block/notxdetails/{block}", raw, cache="yes")
    equal(r.get(f"block/{block}"), n.getblock(block, 3))
    equal(r.get(f"block/notxdetails/{block}"), n.getblock(block, 1))
    genesis = n.getblockhash(0)
    equal(r.get(f"block/{genesis}")["tx"][0]["txid"], n.getblock(genesis)["tx"][0])
    r.fails(404, f"{TXID} not found", f"block/{TXID}.json")
    head = n.generateblock("raw(52)", [], False)
    n.submitheader(head["hex"])
    r.fails(404, f"{head['hash']} not available (not fully downloaded)", f"block/{head['hash']}.json")
    for offset, size in ((0, len(raw)), (20, 30), (len(raw) - 1, 1)):
        r.same(f"blockpart/{block}", raw[offset:offset + size], f"?offset={offset}&size={size}", "yes")
    for offset, size in ((0, 0), (len(raw), 1), (0, len(raw) + 1), (2**64 - 1, 2), (1, 2**64 - 1)):
        r.fails(400, f"Bad block part offset/size {offset}/{size} for {block}",
                f"blockpart/{block}.bin?offset={offset}&size={size}")
    for query, text in (("", "offset"), ("?offset=1", "size"), ("?size=1", "offset"), ("?offset=x&size=1", "offset"),
                        ("?offset=1&size=-1", "size"), ("?offset=1&size=%32x", "size"), ("?%XY", "offset"),
                        (f"?offset=1&size={2**64}", "size"), ("?offset=&size=1", "offset")):
        r.fails(400, f"Block part {text} missing or invalid", f"blockpart/{block}.bin{query}")
    r.fails(400, "JSON output is not supported for this request type", f"blockpart/{block}.json?offset=0&size=1")
    spent = n.getblock(block, 3)["tx"][1]["vin"][0]["prevout"]
    script = bytes.fromhex(spent["scriptPubKey"]["hex"])
    r.same(f"spenttxouts/{block}", b"\x02\x00\x01" + struct.pack("<q", 50 * 10**8) + compact(len(script)) + script,
           cache="yes")
    equal(r.get(f"spenttxouts/{block}", cache="yes"),
          [[], [{"value": 50, "scriptPubKey": spent["scriptPubKey"]}]])
    r.same(f"spenttxouts/{genesis}", b"\x01\x00", cache="yes")
    r.fails(404, f"{head['hash']} undo not available", f"spenttxouts/{head['hash']}.json")
    r.fails(400, "Invalid URI format. Expected /rest/spenttxouts/<hash>.<ext>", f"spenttxouts/a/{block}.json")
    n.stop()


@short
def test_headers_and_filters(case):
    n, r, coin, tx, txid, block = with_spend(case)
    first = n.getblockhash(1)
    height = n.getblockcount()
    want = [n.getblockheader(n.getblockhash(h)) for h in range(1, 6)]
    raw = b"".join(bytes.fromhex(n.getblockheader(n.getblockhash(h), False)) for h in range(1, 6))
    equal(r.get(f"headers/{first}"), want)
    equal(r.get(f"headers/5/{first}"), want)
    r.same(f"headers/{first}", raw)
    equal(r.get(f"headers/{first}", query="?x=1&c%6funt=2"), want[:2])
    equal(len(r.get(f"headers/{first}", "bin", "?count=2000")), 80 * height)
    equal(r.get(f"headers/{TXID}"), [])
    for count in ("0", "2001", "-1", "x", "", "1.0", "99999999999999999999"):
        text = f"Header count is invalid or out of acceptable range (1-2000): {count}"
        r.fails(400, text, f"headers/{first}.json?count={count}")
        r.fails(400, text, f"blockfilterheaders/basic/{first}.json?count={count}")
    r.fails(400, "Invalid URI format. Expected /rest/headers/<hash>.<ext>?count=<count>", "headers/1/2/3.json")
    r.fails(400, f"Invalid hash: {first}%", f"headers/{first}%")
    filters = [n.getblockfilter(n.getblockhash(h)) for h in range(1, 6)]
    equal(r.get(f"blockfilterheaders/basic/{first}"), [f["header"] for f in filters])
    equal(r.get(f"blockfilterheaders/basic/2/{first}"), [f["header"] for f in filters[:2]])
    r.same(f"blockfilterheaders/basic/{first}", b"".join(wire(f["header"]) for f in filters))
    one = bytes.fromhex(filters[0]["filter"])
    r.same(f"blockfilter/basic/{first}", b"\0" + wire(first) + compact(len(one)) + one, cache="yes")
    equal(r.get(f"blockfilter/basic/{first}", cache="yes"), {"filter": one.hex()})
    r.fails(400, "Unknown filtertype x", f"blockfilter/x/{first}.json")
    r.fails(400, "Invalid hash: x", "blockfilter/basic/x.json")
    r.fails(404, f"{TXID} not found", f"blockfilter/basic/{TXID}.json")
    r.fails(400, "Invalid URI format. Expected /rest/blockfilter/<filtertype>/<blockhash>", "blockfilter/basic.json")
    equal(r.get("blockhashbyheight/1"), {"blockhash": first})
    equal(r.get("blockhashbyheight/1", "hex"), first + "\n")
    equal(r.get("blockhashbyheight/1", "bin"), wire(first))
    r.fails(404, "Block height out of range", f"blockhashbyheight/{height + 1}.json")
    for text in ("-1", "+1", "x", "", "2147483648", "1x"):
        r.fails(400, f"Invalid height: {text}", f"blockhashbyheight/{text}.json")
    n.stop()


@short
def test_state_of_the_node(case):
    n, r, coin, tx, txid, block = with_spend(case)
    equal(r.get("chaininfo"), n.getblockchaininfo())
    equal(r.get("deploymentinfo"), n.getdeploymentinfo())
    equal(r.get(f"deploymentinfo/{n.getblockhash(3)}", cache="yes"), n.getdeploymentinfo(n.getblockhash(3)))
    r.fails(400, "Block not found", f"deploymentinfo/{TXID}.json")
    r.fails(400, "Invalid hash: x", "deploymentinfo/x.json")
    equal(r.get("mempool/info"), n.getmempoolinfo())
    equal(r.get("mempool/contents"), n.getrawmempool(True))
    equal(r.get("mempool/contents", query="?verbose=false"), n.getrawmempool())
    equal(r.get("mempool/contents", query="?verbose=false&mempool_sequence=true"), n.getrawmempool(False, True))
    equal(r.get("mempool/contents", query="?%"), n.getrawmempool(True))
    r.fails(400, 'Verbose results cannot contain mempool sequence values. (hint: set "verbose=false")',
            "mempool/contents.json?mempool_sequence=true")
    for key in ("verbose", "mempool_sequence"):
        r.fails(400, f'The "{key}" query parameter must be either "true" or "false".',
                f"mempool/contents.json?{key}=TRUE")
    r.fails(400, "Invalid URI format. Expected /rest/mempool/<info|contents>.json", "mempool/x.json")
    for path in ("chaininfo.bin", "deploymentinfo.hex", "mempool/info.bin"):
        r.fails(404, "output format not found (available: json)", path)
    equal(r.ask("nothing/here.json")[0], 404)
    equal(r.ask("")[0], 404)
    n.stop()


@short
def test_coins(case):
    n, r, coin, tx, txid, block = with_spend(case)
    out = n.gettxout(txid, 0)
    tip = n.getbestblockhash()
    height = n.getblockcount()
    asked = f"{coin['txid']}-0/{txid}-0/{txid}-9"
    got = r.get(f"getutxos/{asked}")
    equal(got, {"chainHeight": height, "chaintipHash": tip, "bitmap": "010",
                "utxos": [{"height": height, "value": out["value"], "scriptPubKey": out["scriptPubKey"]}]})
    equal(r.get(f"getutxos/checkmempool/{asked}"), got)
    script = bytes.fromhex(out["scriptPubKey"]["hex"])
    raw = struct.pack("<I", height) + wire(tip) + b"\x01\x02\x01" + struct.pack("<IIq", 0, height, 10**6) + \
        compact(len(script)) + script
    r.same(f"getutxos/{asked}", raw)
    body = b"\x01\x03" + wire(coin["txid"]) + bytes(4) + wire(txid) + bytes(4) + wire(txid) + b"\x09\0\0\0"
    equal(r.ask("getutxos.bin", body, "POST")[2], raw)
    equal(r.ask("getutxos.hex", body.hex(), "POST")[2].decode(), raw.hex() + "\n")
    empty = struct.pack("<I", height) + wire(tip) + b"\0\0"
    equal(r.ask("getutxos.hex", "no hex", "POST")[2].decode(), empty.hex() + "\n")
    for cut in range(1, len(body)):
        r.fails(400, "Parse error", "getutxos.bin", body[:cut], "POST")
    r.fails(400, "Combination of URI scheme inputs and raw post data is not allowed",
            f"getutxos/{asked}.bin", body, "POST")
    for path in ("getutxos.json", "getutxos/.json", "getutxos/checkmempool.json"):
        r.fails(400, "Error: empty request", path)
    r.fails(400, "Error: empty request", "getutxos.json", '{"checkmempool', "POST")
    for bad in (f"{txid}_0", f"{txid}-+1", f"{txid}--1", f"{txid}aa-1", "aa-1", f"{txid}-", f"{txid}-4294967296",
                f"{txid}-0/", f"{txid}-0-0", txid):
        r.fails(400, "Parse error", f"getutxos/{bad}.json")
    many = "/".join(f"{txid}-{i}" for i in range(15))
    equal(r.get(f"getutxos/checkmempool/{many}")["bitmap"], "1" + "1" * (len(n.decoderawtransaction(tx)["vout"]) - 2)
          + "0" * (16 - len(n.decoderawtransaction(tx)["vout"])))
    for count in (16, 40):
        many = "/".join(f"{txid}-{i}" for i in range(count))
        r.fails(400, f"Error: max outpoints exceeded (max: 15, tried: {count})", f"getutxos/{many}.json")
    huge = b"\0" + compact(200) + body[2:38] * 200
    r.fails(400, "Error: max outpoints exceeded (max: 15, tried: 200)", "getutxos.bin", huge, "POST")
    r.fails(400, "Parse error", "getutxos.bin", b"\0\xfe\xff\xff\xff\x01", "POST")
    n.stop()


@short
def test_without_the_option_nothing_is_there(case):
    n = case.node().start()
    r = Rest(n)
    equal(r.ask("chaininfo.json")[0], 404)
    n.restart("-rest")
    equal(r.ask("chaininfo.json")[0], 200)
    r.fails(404, f"{TXID} not found", f"tx/{TXID}.json")
    first = n.getblockhash(0)
    r.fails(400, "Index is not enabled for filtertype basic", f"blockfilter/basic/{first}.json")
    r.fails(400, "Index is not enabled for filtertype basic", f"blockfilterheaders/basic/{first}.json")
    equal(n.post(None, auth="", path="/", method="POST")[0], 401)  # the rest still wants a password
    equal(n.post(None, auth="", path="/restx", method="GET")[0], 404)
    wait_until("many at once", lambda: all(r.ask("chaininfo.json")[0] == 200 for _ in range(50)))
    n.stop()
