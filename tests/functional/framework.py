"""Running real nodes in tests: start, call, wait, stop. Standard library only.

A test file holds functions named test_*; each gets a Case and may start any number of nodes. The
node's data lies in a folder of its own; ports are free ones. After each test every node is stopped
and its log read: a line of level bug, anything on stderr, or an exit code that was not expected
fails the test. Nothing here sleeps for luck: waits poll a condition with a deadline.
"""
import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BUILD = os.environ.get("top_builddir", os.getcwd())
TIMEOUT = float(os.environ.get("QUOIN_TEST_TIMEOUT", "60"))


class Skip(Exception):
    """Raised by a test that lacks something here; its text says what."""


class RpcError(Exception):
    def __init__(self, error, status):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code, self.message, self.status = error["code"], error["message"], status


def program(name):
    return os.path.join(BUILD, name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, condition, timeout=TIMEOUT):
    """Value of condition() once it is true."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.02)


def expect_error(code, message, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except RpcError as e:
        assert e.code == code, f"code {e.code}, wanted {code}: {e.message}"
        assert message in e.message, f"{e.message!r} does not contain {message!r}"
        return e
    raise AssertionError(f"no error; wanted {code}: {message}")


def equal(got, want):
    assert got == want, f"got {got!r}, wanted {want!r}"


class Node:
    """One quoind on a data folder of its own."""
    stops_with = "Quoin stopping"

    def __init__(self, case, name, conf="", automatic=False, chain="regtest"):
        self.case, self.name = case, name
        self.datadir = os.path.join(case.dir, name)
        self.chain_dir = os.path.join(self.datadir, chain)
        self.rpc_port = free_port()
        self.p2p_port = free_port()
        self.process = None
        self.may_fail = False
        os.mkdir(self.datadir)
        # A test names its peers, unless connections that nobody names are what it is about.
        alone = "" if automatic else "connect=0\nlisten=1\n"
        # And it has the plugins that it grants, not those that were built beside the node.
        self.write_conf(f"plugindir={self.datadir}/none\n{chain}=1\n[{chain}]\nprinttoconsole=0\ndnsseed=0\nfixedseeds=0\n{alone}"
                        f"rpcport={self.rpc_port}\nport={self.p2p_port}\nbind=127.0.0.1\n"
                        f"listenonion=0\nnatpmp=0\n{conf}")

    def program(self):
        return program("quoind")

    def write_conf(self, text, name="quoin.conf"):
        with open(os.path.join(self.datadir, name), "w") as f:
            f.write(text)

    # ---- the process ----
    def spawn(self, *args):
        assert self.process is None
        self.err = tempfile.TemporaryFile("w+")
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([self.program(), f"-datadir={self.datadir}", *args],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)
        return self

    def start(self, *args):
        self.spawn(*args)
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, f"{self.name} ended: {self.stderr()}"
            try:
                return self.call("getmempoolinfo")["loaded"]
            except (OSError, RpcError, http.client.HTTPException):
                return False
        wait_until(f"{self.name} ready", ready)

    def stderr(self):
        self.err.seek(0)
        return self.err.read()

    def stdout(self):
        self.out.seek(0)
        return self.out.read()

    def wait_exit(self, code=0):
        got = self.process.wait(TIMEOUT)
        self.process = None
        if code is not None:
            equal((got, self.stderr() if code == 0 else ""), (code, ""))
        return got

    def stop(self):
        equal(self.call("stop"), self.stops_with)
        self.wait_exit()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.wait_exit(None)

    def fails(self, message, *args):
        """Start, expect it to end with exactly `Error: message` on stderr."""
        self.spawn(*args)
        code = self.process.wait(TIMEOUT)
        self.process = None
        equal((code, self.stderr()), (1, f"Error: {message}\n"))

    def restart(self, *args):
        self.stop()
        return self.start(*args)

    # ---- peers ----
    def address(self):
        return f"127.0.0.1:{self.p2p_port}"

    def join(self, other):
        """Connect to another node, and wait until both have said what they have to at first."""
        self.addnode(other.address(), "onetry")

        def greeted():
            return any(p["addr"] == other.address() and p["bytesrecv_per_msg"].get("pong")
                       for p in self.getpeerinfo())
        wait_until(f"{self.name} and {other.name} connected", greeted)

    def part(self, other):
        self.disconnectnode(other.address())
        wait_until(f"{self.name} and {other.name} parted", lambda: not any(
            p["addr"] == other.address() for p in self.getpeerinfo()))

    def mine(self, n, script="51"):
        """Hashes of n new empty blocks. Another script makes them others than those of a node that
        mines at the same time."""
        return self.generatetodescriptor(n, f"raw({script})")

    # ---- files ----
    def path(self, *parts):
        return os.path.join(self.chain_dir, *parts)

    def log(self):
        try:
            with open(self.path("debug.log"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def cookie(self):
        with open(self.path(".cookie")) as f:
            return f.read()

    # ---- calls ----
    def connect(self, timeout=TIMEOUT):
        return http.client.HTTPConnection("127.0.0.1", self.rpc_port, timeout=timeout)

    def post(self, body, auth=None, path="/", method="POST", headers=None, conn=None):
        """(status, headers, body) of one request. auth: "user:password", default the cookie."""
        own = conn is None
        conn = conn or self.connect()
        head = {"Content-Type": "application/json"}
        if auth is None:
            auth = self.cookie()
        if auth:
            head["Authorization"] = "Basic " + base64.b64encode(auth.encode()).decode()
        head.update(headers or {})
        if not isinstance(body, (bytes, str, type(None))):
            body = json.dumps(body)
        conn.request(method, path, body, head)
        answer = conn.getresponse()
        data = answer.read()
        if own:
            conn.close()
        return answer.status, answer.headers, data

    def call(self, method, *params, auth=None, **named):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": named or list(params)}
        status, _, data = self.post(request, auth)
        if not data:
            raise RpcError({"code": 0, "message": f"HTTP {status}"}, status)
        reply = json.loads(data)
        if "error" in reply:
            raise RpcError(reply["error"], status)
        return reply["result"]

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *params, **named: self.call(name, *params, **named)

    def cli(self, *args, stdin=""):
        """(exit code, stdout, stderr) of quoin-cli."""
        got = subprocess.run([program("quoin-cli"), f"-datadir={self.datadir}", *args], input=stdin,
                             text=True, capture_output=True, timeout=TIMEOUT)
        return got.returncode, got.stdout, got.stderr


def same_tip(*nodes, timeout=TIMEOUT):
    wait_until("the same tip everywhere",
               lambda: len({n.getbestblockhash() for n in nodes}) == 1, timeout)


class Case:
    """One test's folder and nodes."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="quoin-test-")
        self.nodes = []

    def node(self, conf="", name=None, automatic=False, chain="regtest", kind=Node):
        n = kind(self, name or f"node{len(self.nodes)}", conf, automatic, chain)
        self.nodes.append(n)
        return n

    def close(self):
        """Stop what runs and look for what no test may leave behind."""
        problems = []
        for n in self.nodes:
            if n.process is not None:
                n.process.send_signal(signal.SIGTERM)
                try:
                    code = n.process.wait(TIMEOUT)
                except subprocess.TimeoutExpired:
                    n.process.kill()
                    n.process.wait()
                    code = "time-out at SIGTERM"
                if code != 0 or n.stderr():
                    problems.append(f"{n.name} ended with {code}: {n.stderr()}")
            for line in n.log().splitlines():
                if "[bug]" in line or ":bug]" in line:
                    problems.append(f"{n.name}: {line}")
        return problems

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)
