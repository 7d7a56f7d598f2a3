"""The metrics plugin in a real node, scraped over HTTP; by promtool and prometheus where they are."""
import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

from framework import BUILD, equal, free_port, program, wait_until


def short(test):
    test.short = True
    return test


def plugin_file():
    for folder in (os.path.join(BUILD, ".libs"), BUILD):
        path = os.path.join(folder, "metrics.so")
        if os.path.exists(path):
            return path
    return None


def with_metrics(case, grants, config="", mode="isolated"):
    """A running node with the plugin; None when it was built without plugins."""
    file = plugin_file()
    if not file:
        print("skipped: built without plugins")
        return None
    n = case.node()
    folder = n.path("plugins.d")
    os.makedirs(folder, mode=0o700)
    with open(file, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    path = os.path.join(folder, "org.quoin.metrics.grant")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write(f"[plugin]\nfile = {os.path.abspath(file)}\nsha256 = {digest}\nmode = {mode}\n"
                f"[grant]\nchain.read/1 = yes\nnode.read/1 = yes\npeers.read/1 = yes\n{grants}\n[config]\n{config}\n"
                "[limits]\ncpu = normal\n")
    n.start()
    wait_until("plugin runs", lambda: n.listplugins()[0]["state"] == "RUNNING")
    return n


def scrape(url, auth=None):
    """(status, content type, text)"""
    request = urllib.request.Request(url)
    if auth:
        request.add_header("Authorization", "Basic " + base64.b64encode(auth.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=20) as r:
            return r.status, r.headers["Content-Type"], r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"], e.read().decode()


def values(text):
    """name{labels} -> number of every sample; refuses what is no text of format 0.0.4."""
    out, typed = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in typed, f"{name} twice"
            typed.add(name)
        elif not line.startswith("#"):
            key, value = line.rsplit(" ", 1)
            assert key not in out, f"{key} twice"
            assert key.split("{")[0] in typed, f"{key} without a TYPE"
            out[key] = float(value)
    return out


@short
def test_scraped_with_the_password_of_the_rpc(case):
    for mode in ("isolated", "trusted"):
        scrape_with_password(case, mode)


def scrape_with_password(case, mode):
    n = with_metrics(case, "http.serve/1 = yes", mode=mode)
    if not n:
        return
    url = f"http://127.0.0.1:{n.rpc_port}/p/metrics/metrics"
    equal(scrape(url)[0], 401)
    status, kind, text = scrape(url, n.cookie())
    equal((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
    first = values(text)
    equal(first["quoin_chain_height"], 0)
    equal((first['quoin_peers_by_network{network="ipv4"}'], first["quoin_network_active"]), (0, 1))
    equal(first['quoin_plugin_state{plugin="org.quoin.metrics",state="running"}'], 1)
    n.generatetodescriptor(7, "raw(51)")
    second = values(scrape(url, n.cookie())[2])
    equal((second["quoin_chain_height"], second["quoin_chain_tip_changes_total"]),
          (7, first["quoin_chain_tip_changes_total"] + 7))
    assert second["quoin_rpc_requests_total"] > first["quoin_rpc_requests_total"]
    assert second["process_cpu_seconds_total"] >= first["process_cpu_seconds_total"] > 0
    assert abs(second["quoin_uptime_seconds"] - n.uptime()) < 30
    page = scrape(f"http://127.0.0.1:{n.rpc_port}/p/metrics/", n.cookie())
    assert page[0] == 200 and 'href="metrics"' in page[2], page
    equal(scrape(f"http://127.0.0.1:{n.rpc_port}/p/metrics/none", n.cookie())[0], 404)
    if mode == "isolated":  # a reload takes its routes over
        pid = n.getplugininfo("metrics")["pid"]
        equal(n.plugin("reload", "metrics")["state"], "RUNNING")
        assert n.getplugininfo("metrics")["pid"] != pid
        equal(scrape(url, n.cookie())[0], 200)
    n.stop()


@short
def test_scraped_on_a_port_of_its_own_and_in_public(case):
    for mode in ("isolated", "trusted"):
        scrape_in_public(case, mode)


def scrape_in_public(case, mode):
    port = free_port()
    n = with_metrics(case, f"http.serve/1 = public=yes\nnet.listen/1 = 127.0.0.1:{port}",
                     f"listen = 127.0.0.1:{port}", mode)
    if not n:
        return
    status, kind, own = scrape(f"http://127.0.0.1:{port}/metrics")
    equal((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
    public = scrape(f"http://127.0.0.1:{n.rpc_port}/p/metrics/metrics")
    equal((public[0], set(values(public[2]))), (200, set(values(own))))
    for elsewhere in ("", "x"):
        status, _, text = scrape(f"http://127.0.0.1:{port}/{elsewhere}")
        equal((status, text), (404, "Nothing is here: the metrics are at /metrics\n"))
    n.stop()
    with socket.socket() as s:  # the port is free again
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))


def test_promtool_finds_nothing(case):
    if not shutil.which("promtool"):
        print("skipped: promtool is not installed")
        return
    n = with_metrics(case, "http.serve/1 = public=yes")
    if not n:
        return
    text = scrape(f"http://127.0.0.1:{n.rpc_port}/p/metrics/metrics")[2]
    got = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    equal((got.returncode, got.stdout, got.stderr), (0, "", ""))


def test_prometheus_scrapes_it(case):
    if not shutil.which("prometheus"):
        print("skipped: prometheus is not installed")
        return
    n = with_metrics(case, "http.serve/1 = yes")
    if not n:
        return
    user, _, password = n.cookie().partition(":")
    port = free_port()
    conf = os.path.join(case.dir, "prometheus.yml")
    with open(conf, "w") as f:
        f.write("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: quoin\n"
                "  metrics_path: /p/metrics/metrics\n"
                f"  basic_auth: {{username: {user}, password: {password}}}\n"
                f"  static_configs: [{{targets: ['127.0.0.1:{n.rpc_port}']}}]\n")
    with open(os.path.join(case.dir, "prometheus.log"), "w") as log:
        p = subprocess.Popen(["prometheus", f"--config.file={conf}",
                              f"--storage.tsdb.path={os.path.join(case.dir, 'tsdb')}",
                              f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)

    def query(what):
        try:
            answer = scrape(f"http://127.0.0.1:{port}/api/v1/query?query={what}")
            return json.loads(answer[2])["data"]["result"] if answer[0] == 200 else []
        except OSError:
            return []
    try:
        wait_until("a first scrape", lambda: query("up"))
        wait_until("it is up", lambda: query("up")[0]["value"][1] == "1")
        n.generatetodescriptor(3, "raw(51)")
        wait_until("the height arrives", lambda: query("quoin_chain_height")[0]["value"][1] == "3")
        states = query("quoin_plugin_state==1")
        equal([s["metric"]["state"] for s in states], ["running"])
    finally:
        p.terminate()
        p.wait(30)
    n.stop()


def test_the_plugins_file_is_fit(case):
    file = plugin_file()
    if not file:
        print("skipped: built without plugins")
        return
    got = subprocess.run([program("quoin-plugin"), "lint", file], capture_output=True, text=True)
    equal((got.returncode, got.stderr), (0, ""))
