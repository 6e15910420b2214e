"""Empty DATA frames before the trailers, as Jetty and others send them."""

import _grpcio as grpcio
import _h2 as h2

# A limit of 100 in a connection's life was there.
CALLS, AT_ONCE = 300, 2000


def answer(empty):
    def told(connection, stream, _):
        connection.send(h2.headers(stream, h2.ANSWER))
        connection.send(h2.frame(h2.DATA, 0, stream, h2.prefixed(b"answer")))
        connection.send(h2.frame(h2.DATA, 0, stream) * empty)
        connection.send(h2.headers(stream, h2.OK, end=True))

    return told


def case_many_calls_of_a_connection_each_with_one(kit):
    """Every call through a proxy is answered, and the capture holds them all."""
    proxy = kit.proxy(h2.serve(kit, answer(1)), code=(0,))
    call = grpcio.channel(kit, proxy.grpc, grpcio.NO_RETRIES).unary_unary("/t.S/U")
    came = [grpcio.code(call, b"x", timeout=10) for _ in range(CALLS)]
    assert came == [b"answer"] * CALLS, f"{CALLS - came.count(b'answer')} of {CALLS} fail, {set(came)}"
    proxy.finish()
    kept = kit.json("verify", proxy.kept)
    assert (kept["calls"], kept["messages"]) == (CALLS, CALLS), kept


def case_one_call_with_many(kit):
    """A call with 2,000 of them is answered through a proxy, and recorded."""
    server = h2.serve(kit, answer(AT_ONCE))
    proxy = kit.proxy(server, code=(0,))
    call = grpcio.channel(kit, proxy.grpc, grpcio.NO_RETRIES).unary_unary("/t.S/U")
    assert grpcio.code(call, b"x", timeout=10) == b"answer"
    proxy.finish()
    told = ("--plaintext", "--reflect=never", "--method", "/t.S/U", "--request-file", kit.file("request", "x"))
    said = kit.json("record", "-t", server, *told, "-o", kit.file("record.gcap"))
    assert (said["messages"], said["endings"][0]["status"]) == (1, "OK"), said["endings"]
