"""A client that asks for the status of a job until the job is done, and makes a new connection for each call."""

import grpc

import _grpcio as grpcio

STATUS, JOB = "/t.S/Status", b"job1"
POLLED = [b"RUNNING", b"RUNNING", b"DONE"]


def server(kit):
    came = []

    def status(_, context):
        del context
        came.append(1)
        return b"DONE" if len(came) >= len(POLLED) else b"RUNNING"

    return grpcio.serve(kit, {STATUS: grpc.unary_unary_rpc_method_handler(status)})


def poll(kit, address, each):
    """What a client hears until it hears DONE, or six times."""
    heard, channel = [], None
    while len(heard) < 6 and b"DONE" not in heard:
        if each or not channel:
            channel = grpcio.channel(kit, address)
        heard.append(grpcio.code(channel.unary_unary(STATUS), JOB, timeout=3))
        if each:
            channel.close()
    return heard


def judge(kit, each):
    proxy = kit.proxy(server(kit))
    came = poll(kit, proxy.grpc, each)
    assert came == POLLED, f"through a proxy: {came}"
    proxy.finish()
    for rate in ("1", "max"):
        came = poll(kit, kit.background("serve", proxy.kept, "--rate", rate).grpc, each)
        assert came == POLLED, f"by serve at rate {rate}: {came}"


def case_each_call_has_a_connection(kit):
    """RUNNING, RUNNING, DONE: the recorded order goes on from one connection to the next."""
    judge(kit, True)


def case_one_connection_for_all(kit):
    """The same for a client that keeps its connection."""
    judge(kit, False)
