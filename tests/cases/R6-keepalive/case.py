"""Keepalive from end to end: only the server answers the pings of a client, and the proxy does not."""

import os
import signal
import sys
import time

import _grpcio as grpcio
import _h2 as h2
from _kit import HERE

# A client that pings each second and waits a second notices within three, on a machine that does nothing else.
NOTICED_S = 6
DEADLINE_S = 12
# No answer comes in this time from a server that is frozen.
SILENT_S = 1


def server(kit):
    port, process = kit.peer(sys.executable, HERE / "_grpcio_server.py")
    return f"127.0.0.1:{port}", process


def freeze(process):
    """Stops a process, and waits until it has stopped."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def answered(client, data, within_s):
    """Whether a ping with this data is answered in time."""
    client.peer.settimeout(within_s)
    try:
        client.until(lambda: data in client.pongs)
    except TimeoutError:
        pass
    return data in client.pongs


def case_a_ping_is_answered_by_the_server_alone(kit):
    """Through a proxy a ping has no answer while the server is frozen, and has it when the server goes on."""
    address, process = server(kit)
    proxy = kit.proxy(address, "--allow-empty")
    client = h2.Client(kit, proxy.grpc)
    client.send(h2.frame(h2.PING, 0, 0, b"to it..."))
    assert answered(client, b"to it...", DEADLINE_S), "a server that lives answers nothing"
    freeze(process)
    client.send(h2.frame(h2.PING, 0, 0, b"frozen.."))
    assert not answered(client, b"frozen..", SILENT_S), "the server is frozen, and its ping is answered"
    process.send_signal(signal.SIGCONT)
    assert answered(client, b"frozen..", DEADLINE_S), "the server goes on, and does not answer"
    proxy.finish()


def case_grpc_js_notices_a_frozen_server(kit):
    """A client of grpc-js with keepalive notices it through a proxy as soon as directly."""
    node, environment = kit.node("@grpc/grpc-js")
    address, process = server(kit)
    proxy = kit.proxy(address)
    clients = {}
    for name, at in (("directly", address), ("through the proxy", proxy.grpc)):
        ready, clients[name] = kit.peer(node, kit.folder / "watch.js", at, DEADLINE_S, **environment)
        assert ready == "tick", f"{name}: {ready}"
    frozen = time.monotonic()
    freeze(process)
    for name, client in clients.items():
        end, after_s = client.stdout.readline().strip(), time.monotonic() - frozen
        assert end.startswith("14 ") and after_s < NOTICED_S, f"{name}: {end} after {after_s:.1f} s"


def case_a_server_that_lives_is_not_given_up(kit):
    """A client that pings ten times a second keeps its stream through a proxy."""
    address, _ = server(kit)
    often = (("grpc.keepalive_time_ms", 100), ("grpc.keepalive_timeout_ms", 5000), ("grpc.http2.max_pings_without_data", 0))
    stream = grpcio.channel(kit, kit.proxy(address).grpc, *often).unary_stream("/t.S/T")(b"", timeout=DEADLINE_S)
    assert sum(1 for _, _ in zip(range(10), stream)) == 10
    stream.cancel()
