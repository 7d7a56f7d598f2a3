"""JSON-RPC over HTTP: shapes, statuses, batches, parameters, malformed input."""
import base64
import json
import socket
import threading

from framework import RpcError, equal, expect_error, wait_until


def short(test):
    test.short = True
    return test


def reply(node, body, **kw):
    status, headers, data = node.post(body, **kw)
    return status, json.loads(data) if data else None


@short
def test_envelopes_and_statuses(case):
    n = case.node().start()
    equal(reply(n, {"method": "echo", "params": [1], "id": "x"}),
          (200, {"result": [1], "error": None, "id": "x"}))
    equal(reply(n, {"jsonrpc": "2.0", "method": "echo", "id": 1}),
          (200, {"jsonrpc": "2.0", "result": [], "id": 1}))
    equal(reply(n, {"jsonrpc": "2.0", "method": "echo"}), (204, None))
    not_found = {"code": -32601, "message": "Method not found"}
    equal(reply(n, {"method": "nope", "id": 1}), (404, {"result": None, "error": not_found, "id": 1}))
    equal(reply(n, {"jsonrpc": "2.0", "method": "nope", "id": 1}),
          (200, {"jsonrpc": "2.0", "error": not_found, "id": 1}))
    equal(reply(n, {"id": 1})[0], 400)
    equal(reply(n, {"method": "getblockhash", "params": [99], "id": 1}),
          (500, {"result": None, "error": {"code": -8, "message": "Block height out of range"}, "id": 1}))
    status, headers, _ = n.post({"method": "echo"})
    equal(headers["Content-Type"], "application/json")
    equal(n.post({"method": "echo"}, path="/wallet/any")[0], 200)


@short
def test_batches(case):
    n = case.node().start()
    two = {"jsonrpc": "2.0", "method": "getblockcount"}
    equal(reply(n, [{"method": "getblockcount", "id": 1}, two, {**two, "id": 2}, 5]),
          (200, [{"result": 0, "error": None, "id": 1}, {"jsonrpc": "2.0", "result": 0, "id": 2},
                 {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request object"},
                  "id": 2}]))
    equal(reply(n, [two, two]), (204, None))
    equal(reply(n, []), (200, []))


def test_malformed_json(case):
    n = case.node().start()
    for body in ("", "{", "nonsense", "[1,", '{"a":}', "\x00", '{"method":"echo"} x', '"\ud83d"' * 2):
        status, got = reply(n, body.encode("utf-8", "surrogatepass"))
        equal((status, got["error"]), (500, {"code": -32700, "message": "Parse error"}))
    equal(reply(n, "7")[1]["error"]["message"], "Top-level object parse error")
    equal(reply(n, "[" * 100000)[0], 500)
    equal(n.getblockcount(), 0)


def test_named_and_mixed_parameters(case):
    n = case.node().start()
    equal(n.call("echo", arg2=2, arg0=0), [0, None, 2])
    equal(n.call("echo", args=[5], arg1=6), [5, 6])
    expect_error(-8, "Unknown named parameter blah", n.call, "echo", blah=1)
    expect_error(-8, "specified twice both as positional and named", n.call, "echo", args=[1], arg0=2)
    expect_error(-1, "getblockhash height", n.call, "getblockhash")
    expect_error(-3, "JSON value of type string is not of expected type number", n.call,
                 "getblockhash", "1")
    expect_error(-1, "JSON integer out of range", n.call, "getblockhash", 1.5)
    expect_error(-8, "blockhash must be of length 64 (not 2, for 'ab')", n.call, "getblock", "ab")


def raw(node, data, wait_close=True):
    """Everything the server sends for these bytes."""
    got = b""
    with socket.create_connection(("127.0.0.1", node.rpc_port), 20) as s:
        s.sendall(data)
        if wait_close:
            s.shutdown(socket.SHUT_WR)
        while True:
            part = s.recv(65536)
            if not part:
                return got
            got += part


def test_malformed_http(case):
    n = case.node().start()
    for data in (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"GET / NOTHTTP/1.1\r\nHost: x\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                 b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization : Basic eA==\r\nContent-Length: 2\r\n\r\n{}",
                 b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
        got = raw(n, data)
        assert got.startswith((b"HTTP/1.1 400", b"HTTP/1.1 505")), (data[:60], got[:80])
    for data in (b"", b"\x00" * 500, b"\r\n" * 100, b"POST", b"\x16\x03\x01\x02\x00" + b"\xff" * 100):
        assert b"200" not in raw(n, data)[:15]
    equal(n.getblockcount(), 0)


def test_methods_and_paths(case):
    n = case.node().start()
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        equal(n.post(None, method=method)[0], 405)
    for path in ("/x", "/wallet", "/../etc/passwd", "/%2e%2e/x"):
        equal(n.post({"method": "echo"}, path=path)[0], 404)


def test_body_limits(case):
    n = case.node().start()
    size = 32 * 1024 * 1024
    fits = '{"method":"echo","params":["' + "0" * (size - 40) + '"]}'
    status, _, data = n.post(fits)
    equal((status, len(data) > size - 40), (200, True))
    conn = n.connect()
    conn.putrequest("POST", "/")
    conn.putheader("Content-Length", str(size + 1))
    conn.endheaders()
    answer = conn.getresponse()
    equal((answer.status, answer.reason, answer.read()), (413, "Content too large", b""))
    conn.close()
    chunk = b"100000\r\n" + b"0" * 0x100000 + b"\r\n"
    head = (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: Basic " +
            base64.b64encode(n.cookie().encode()) + b"\r\n\r\n")
    assert raw(n, head + 33 * chunk + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 Content too large\r\n")


def test_keep_alive_and_pipelining(case):
    n = case.node().start()
    conn = n.connect()
    for i in range(20):
        status, _, data = n.post({"method": "echo", "params": [i], "id": i}, conn=conn)
        equal((status, json.loads(data)["result"]), (200, [i]))
    conn.close()


def test_work_queue_is_bounded(case):
    n = case.node(conf="rpcthreads=1\nrpcworkqueue=1\n").start()
    statuses = []

    def one():
        statuses.append(n.post({"method": "echo", "params": ["x" * 2000000]})[0])
    for _ in range(40):
        threads = [threading.Thread(target=one) for _ in range(12)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        if 503 in statuses:
            break
    assert set(statuses) == {200, 503}, set(statuses)
    status = wait_until("free again", lambda: n.post({"method": "getblockcount"})[0] == 200)
    assert status


def test_waiting_calls_hold_no_thread(case):
    n = case.node(conf="rpcthreads=1\n").start()
    got = []

    def wait_block():
        got.append(n.waitforblockheight(1))
    threads = [threading.Thread(target=wait_block) for _ in range(5)]
    [t.start() for t in threads]
    wait_until("five wait", lambda: len(n.getrpcinfo()["active_commands"]) == 6)
    n.generatetodescriptor(1, "raw(51)")
    [t.join() for t in threads]
    equal([g["height"] for g in got], [1] * 5)
    equal(n.waitfornewblock(1)["height"], 1)


def test_waiting_calls_end_at_shutdown(case):
    n = case.node().start()
    got = []

    def wait_block():
        try:
            got.append(n.waitforblockheight(5))
        except (RpcError, OSError) as e:
            got.append(e)
    t = threading.Thread(target=wait_block)
    t.start()
    wait_until("it waits", lambda: len(n.getrpcinfo()["active_commands"]) == 2)
    n.stop()
    t.join()
    equal(len(got), 1)
