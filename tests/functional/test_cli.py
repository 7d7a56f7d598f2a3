"""quoin-cli."""
import http.server
import json
import os
import pty
import subprocess
import threading
import time
import tty

from framework import equal, free_port, program


def short(test):
    test.short = True
    return test


@short
def test_prints_results_and_errors(case):
    n = case.node().start()
    equal(n.cli("getblockcount"), (0, "0\n", ""))
    equal(n.cli("setmocktime", "0"), (0, "", ""))
    equal(n.cli("echojson", '{"a":[1.10,{}]}', "[]"),
          (0, '[\n  {\n    "a": [\n      1.1,\n      {\n      }\n    ]\n  },\n  [\n  ]\n]\n', ""))
    equal(n.cli("getblockhash", "9"), (8, "", "error code: -8\nerror message:\nBlock height out of range\n"))
    equal(n.cli("nope"), (32601 & 255, "", "error code: -32601\nerror message:\nMethod not found\n"))
    equal(n.cli("getblokcount")[2], "error code: -32601\nerror message:\nMethod not found\nDid you mean getblockcount?\n")
    equal(n.cli("-follow", "getblockhash", "9"), (8, "", "error code: -8\nerror message:\nBlock height out of range\n"))
    equal(n.cli("-follow", "getblokcount")[0], 32601 & 255)
    watch = f"quoin-plugin -datadir={n.datadir} -chain=regtest enable watch\n"
    assert watch in n.cli("getnewaddress")[2], n.cli("getnewaddress")
    equal(n.cli("-follow", "getblockcount"), (1, "", "error: the method does not answer with events and a cursor\n"))
    code, out, err = n.cli("echo", '["a"')
    equal((code, json.loads(out)), (0, ['["a"']))
    assert err.startswith('Warning: ["a": this is no JSON, and is sent as text (at character 4: '), err
    equal(n.cli("getblockhash", "x"), (1, "", "error: Error parsing JSON: x\n"))
    equal(n.cli(), (1, "", "error: too few parameters (need at least command)\n"))
    equal(n.cli("-nonsense")[2], "Error parsing command line arguments: Invalid parameter -nonsense\n")
    equal(n.cli("-rpcwiat")[2],
          "Error parsing command line arguments: Invalid parameter -rpcwiat (did you mean -rpcwait?)\n")
    equal(n.cli("-ipcconnect=x")[0], 1)


class FakeNode(http.server.BaseHTTPRequestHandler):
    """Answers in a node's place; what, says who derives from it."""

    def call(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def say(self, status, said):
        body = json.dumps(said, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Hostile(FakeNode):
    """A node that answers every call with texts that a terminal takes for orders: in an error where the
    method is "fail", in an object where it is "object", else as a bare text."""

    TEXT = "red\x1b[31m\r\u009b2J\u202e \u00e9\n\tnext"

    def answer(self, call, batch):
        text, error = self.TEXT, None
        one = {"name": text, "proxy": text, "address": text, "addr": text, "subver": text, "network": text,
               "connection_type": text, "transport_protocol_type": text, "servicesnames": [text], "id": 1}
        result = {"object": {text: text}, "getpeerinfo": [one], "getaddrmaninfo": {text: one},
                  "events": {"cursor": text, "events": [text], "missed": True}}.get(call["method"], text)
        if batch:
            result = result if isinstance(result, list) else {
                **dict.fromkeys(("chain", "blocks", "connections", "version", "subversion", "warnings", "relayfee"), text),
                "networks": [one], "localaddresses": [one]}
        elif call["method"].startswith("fail"):
            result, error = None, {"code": int(call["method"][4:] or -1), "message": text}
        elif call["method"] == "events" and self.server.seen:
            result, error = None, {"code": -1, "message": text}
        self.server.seen += 1
        return {"result": result, "error": error, "id": call.get("id")}

    def do_POST(self):
        call = self.call()
        said = [self.answer(c, True) for c in call] if isinstance(call, list) else self.answer(call, False)
        self.say(200, said)


def on_a_terminal(args):
    """What a program writes to its terminal."""
    ours, its = pty.openpty()
    tty.setraw(its)
    with subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=its, stderr=its) as p:
        os.close(its)
        out = b""
        try:
            while piece := os.read(ours, 65536):
                out += piece
        except OSError:  # EIO: its end is closed
            pass
        p.wait()
    os.close(ours)
    return out.decode()


def test_texts_are_no_orders_to_a_terminal(case):
    n = case.node()
    tame = "red?[31m??2J? \u00e9\n\tnext"
    escaped = r"red\u001b[31m\r\u009b2J\u202e " + "\u00e9" + r"\n\tnext"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()

        def args(*words):
            s.seen = 0
            return [program("quoin-cli"), f"-datadir={n.datadir}", "-rpcconnect=127.0.0.1",
                    f"-rpcport={s.server_port}", "-rpcpassword=x", *words]
        equal(on_a_terminal(args("text")), tame + "\n")
        equal(on_a_terminal(args("fail")), "error code: -1\nerror message:\n" + tame + "\n")
        equal(on_a_terminal(args("object")), '{\n  "%s": "%s"\n}\n' % (escaped, escaped))
        assert '"%s"\n' % escaped in on_a_terminal(args("-follow", "events"))
        for words in (["-getinfo"], ["-netinfo", "4"], ["-addrinfo"], ["-generate"], ["fail-32601"]):
            out = on_a_terminal(args(*words))
            assert not any(c in out.replace("\x1b[3", "").replace("\x1b[0m", "") for c in "\x1b\r\u009b\u202e"), (words, out)
        # A program gets what the node said.
        got = subprocess.run(args("text"), stdin=subprocess.DEVNULL, capture_output=True).stdout
        equal(got.decode(), Hostile.TEXT + "\n")
        got = subprocess.run(args("object"), stdin=subprocess.DEVNULL, capture_output=True).stdout
        equal(json.loads(got), {Hostile.TEXT: Hostile.TEXT})
        s.shutdown()


class Answers(FakeNode):
    """A node that answers each call with an error of the code that its method names, and help never."""

    def do_POST(self):
        request = self.call()
        if request["method"] == "help":
            self.server.quit.wait(60)
            return
        code = int(request["method"].removeprefix("fail"))
        self.say(500, {"result": None, "error": {"code": code, "message": "no"}, "id": "1"})


def test_errors_look_like_none_but_errors(case):
    n = case.node()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as s:
        s.quit = threading.Event()
        threading.Thread(target=s.serve_forever, daemon=True).start()

        def call(*words):
            return n.cli("-rpcconnect=127.0.0.1", f"-rpcport={s.server_port}", "-rpcpassword=x", *words)
        for code, status in ((-1, 1), (-8, 8), (-256, 1), (512, 1), (0, 1), (-257, 1)):
            said = f"error code: {code}\nerror message:\nno\n"
            equal(call(f"fail{code}"), (status, "", said))
            equal(call("-follow", f"fail{code}"), (status, "", said))
        # A hint that does not come is not waited for.
        began = time.monotonic()
        equal(call("-rpcwait", "fail-32601"), (32601 & 255, "", "error code: -32601\nerror message:\nno\n"))
        assert time.monotonic() - began < 30
        s.quit.set()
        s.shutdown()


class Lists(FakeNode):
    """A node whose method answers with lists of numbered events, and with an error when there are no more."""

    def do_POST(self):
        call = self.call()
        self.server.cursors.append(call["params"])
        lists = self.server.lists
        self.say(200, {"result": lists.pop(0), "error": None} if lists else
                 {"result": None, "error": {"code": -1, "message": "no more"}})


def test_follow_goes_once_through_a_list(case):
    n = case.node()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lists) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()

        def follow(*lists):
            s.lists, s.cursors = list(lists), []
            code, out, err = n.cli("-rpcconnect=127.0.0.1", f"-rpcport={s.server_port}", "-rpcpassword=x", "-follow", "events", "0", "5")
            return code, [json.loads(line) for line in out.splitlines()], err
        none = "error code: -1\nerror message:\nno more\n"
        few = [{"seq": 7, "list": [{"seq": 9}]}, {"list": ["]"], "seq": 8}]
        equal(follow(few, []), (1, few, none))
        equal(s.cursors, [["0", "5"], ["8", "5"], ["8", "5"]])
        # From the first to each of them anew would take minutes.
        many = [{"seq": i, "what": "something"} for i in range(60000)]
        equal(follow(many), (1, many, none))
        equal(s.cursors[1], ["59999", "5"])
        equal(follow([*few, {"what": "no number"}]),
              (1, few, "error: the method does not answer with events and a cursor\n"))
        s.shutdown()


def test_follow_says_what_it_missed(case):
    n = case.node()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lists) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()

        def said(**members):
            s.lists, s.cursors = [{"events": [], "cursor": 4, **members}], []
            _, out, err = n.cli("-rpcconnect=127.0.0.1", f"-rpcport={s.server_port}", "-rpcpassword=x", "-follow", "events", "9")
            equal((out, s.cursors), ("", [["9"], ["4"]]))
            return err.removesuffix("error code: -1\nerror message:\nno more\n")
        for nothing in (False, None, 1234, [12], "ab"):
            equal(said(missed=nothing, ahead=nothing), "")
        equal(said(missed=True), "warning: events were missed, which are not kept any more\n")
        equal(said(missed=True, ahead=True),
              "warning: the cursor 9 is ahead of the last event, 4: it is of another store, or of one from before it "
              "was restored; going on behind 4\n")
        s.shutdown()


def test_named_and_stdin(case):
    n = case.node().start()
    genesis = n.getblockhash(0)
    code, out, _ = n.cli("-named", "getblock", f"blockhash={genesis}", "verbosity=0")
    equal((code, len(out)), (0, 571))
    equal(n.cli("-named", "getblock", genesis, "verbosity=0")[1], out)
    equal(json.loads(n.cli("-stdin", "echo", "a", stdin="b\nc d\n")[1]), ["a", "b", "c d"])


def test_passwords(case):
    n = case.node(conf="rpcuser=u\nrpcpassword=secret\n").spawn()
    equal(n.cli("-rpcwait", "getblockcount")[1], "0\n")
    code, out, err = n.cli("-rpcpassword=wrong", "getblockcount")
    equal((code, out), (1, ""))
    assert err.startswith("error: Authorization failed: Incorrect rpcuser or rpcpassword were specified.")
    equal(n.cli("-stdinrpcpass", "-rpcpassword=wrong", "getblockcount", stdin="secret\n")[1], "0\n")


def test_connection_errors_and_waiting(case):
    n = case.node()
    code, out, err = n.cli("getblockcount")
    equal((code, out), (1, ""))
    assert err.startswith("error: Error while attempting to communicate with server 127.0.0.1:"), err
    code, _, err = n.cli("-rpcwait", "-rpcwaittimeout=1", "getblockcount")
    equal(code, 1)
    assert err.startswith("error: timeout on transient error: "), err
    n.spawn()
    equal(n.cli("-rpcwait", "getblockcount")[:2], (0, "0\n"))
    equal(n.cli("-rpcport=0", "getblockcount")[2], "error: Invalid port provided in -rpcport: 0\n")
    code, out, err = n.cli(f"-rpcconnect=127.0.0.1:{free_port()}", "getblockcount")
    equal((code, out, err.splitlines()[0]),
          (0, "0\n", f"Warning: Port specified in both -rpcconnect and -rpcport. Using -rpcport {n.rpc_port}"))


def test_netinfo_and_addrinfo(case):
    n = case.node().start()
    code, out, err = n.cli("-netinfo")
    equal((code, err), (0, ""))
    lines = out.splitlines()
    assert lines[0].startswith("Quoin client v") and " regtest - server 700" in lines[0], out
    equal([x.split()[0] for x in lines[3:6]], ["in", "out", "total"])
    assert "Local services: " in out and "Local addresses" in out, out
    assert " - services " in n.cli("-netinfo", "4", "o")[1]
    assert n.cli("-netinfo", "help")[1].startswith("-netinfo [level"), out
    hint = "\nFor more information, run: quoin-cli -netinfo help\n"
    for words, said in ((("x",), "level argument: x"), (("256",), "level argument: 256"),
                        (("1", "y"), "outonly argument: y"),
                        (("0", "o"), "outonly argument: o\nThe outonly argument is only valid for a level greater "
                                     "than 0 (the first argument).")):
        equal(n.cli("-netinfo", *words), (1, "", f"error: invalid -netinfo {said}{hint}"))
    known = json.loads(n.cli("-addrinfo")[1])["addresses_known"]
    equal(known, {"ipv4": 0, "ipv6": 0, "onion": 0, "i2p": 0, "cjdns": 0, "total": 0})
    equal(n.cli("-addrinfo", "x"), (1, "", "error: -addrinfo takes no arguments\n"))
    equal(n.cli("-addrinfo", "-getinfo")[:2], (1, ""))
    info = n.getsyncinfo()
    equal((info["phase"], info["blocks"], info["headers"], info["connections"]), ("syncing", 0, 0, 0))
    n.generatetodescriptor(1, "raw(51)")
    info = n.getsyncinfo()
    equal((info["phase"], info["blocks"]), ("synced", 1))
    assert "seconds_left" not in info, info


def test_getinfo_and_generate(case):
    n = case.node().start()
    code, out, err = n.cli("-getinfo")
    equal((code, err), (0, ""))
    assert out.startswith("Chain: regtest\nBlocks: 0\nHeaders: 0\nVerification progress: "), out
    assert out.endswith("Warnings: (none)\n"), out
    assert "\x1b[" in n.cli("-color=always", "-getinfo")[1]
    equal(n.cli("-getinfo", "extra"), (1, "", "error: -getinfo takes no arguments\n"))
    code, out, err = n.cli("-generate", "2")
    equal(code, 32601 & 255)
    assert "generatetoaddress" in err
