"""Nodes with a bundled plugin, granted as an operator would."""
import hashlib
import os

from framework import BUILD, Skip, wait_until


def plugin_file(name):
    for folder in (os.path.join(BUILD, ".libs"), BUILD):
        path = os.path.join(folder, name + ".so")
        if os.path.exists(path):
            return os.path.abspath(path)
    raise Skip("built without plugins")


def grant(n, name, grants, config="", mode="isolated", limits=""):
    """Write the grant of the plugin `name` for a node that does not run."""
    file = plugin_file(name)
    folder = n.path("plugins.d")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(file, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    path = os.path.join(folder, f"org.quoin.{name}.grant")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as f:
        f.write(f"[plugin]\nfile = {file}\nsha256 = {digest}\nmode = {mode}\n[grant]\n{grants}\n[config]\n{config}\n"
                f"[limits]\n{limits or 'cpu = normal'}\n")


def running(n, name):
    """Its process, once it runs."""
    def look():
        info = n.getplugininfo(name)
        assert info["state"] not in ("QUARANTINED", "NEEDS-GRANT", "REJECTED"), info
        return info["state"] == "RUNNING" and info
    return wait_until(f"{name} runs", look)
