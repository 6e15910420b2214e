"""Servers end a connection at a certain age with GOAWAY, while clients continue to call."""

import collections
import json
import threading
import time

import _grpcio as grpcio
from _kit import HERE

# Short, so that there are hundreds of such ends in a few seconds.
AGE_MS, FOR_S, CHANNELS, OF_A_CHANNEL = 150, 6, 6, 4
WORK_S = b"0.01"


def storm(kit, address):
    """What the calls of many channels come to, with the retries that a client makes by itself."""
    until, ends = time.monotonic() + FOR_S, collections.Counter()

    def go_on(call):
        while time.monotonic() < until:
            ends[grpcio.code(call, WORK_S, timeout=5)] += 1

    calls = [grpcio.channel(kit, address).unary_unary("/t.S/U") for _ in range(CHANNELS)]
    threads = [threading.Thread(target=go_on, args=(call,)) for call in calls for _ in range(OF_A_CHANNEL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def aging(kit):
    return f"127.0.0.1:{kit.python(HERE / '_grpcio_server.py', AGE_MS)}"


def judge(kit, proxy, ends, right):
    assert set(ends) == {right}, ends
    proxy.finish()
    starts = [event for event in kit.events(proxy.kept, code={0, 3}) if event["event"] == "call_start"]
    assert len(starts) >= sum(ends.values()), f"{len(starts)} of {sum(ends.values())} calls are in the capture"
    assert len({event["connection"] for event in starts}) > 5 * CHANNELS, "connections did not end at their age"


def case_grpcio(kit):
    """No call of grpcio fails through a proxy, as none fails directly."""
    proxy = kit.proxy(aging(kit))
    judge(kit, proxy, storm(kit, proxy.grpc), b"answer")


def case_grpc_js(kit):
    """The same for grpc-js."""
    node, environment = kit.node("@grpc/grpc-js")
    proxy = kit.proxy(aging(kit))
    told = (proxy.grpc, FOR_S, CHANNELS, OF_A_CHANNEL, WORK_S.decode())
    ends = json.loads(kit.client(node, kit.folder / "storm.js", *told, **environment))
    judge(kit, proxy, ends, "OK")
