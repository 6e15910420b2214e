"""The server ends one stream with a reset or without a status, and its connection continues."""

import time

import _grpcio as grpcio
import _h2 as h2

UNARY, LONG = "/t.S/U", "/t.S/Long"
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM, UNKNOWN = 0, 2, 7, 8, 11, 0x1234
LATER_S = 0.3


def message(text):
    return h2.prefixed(text.encode())


def begun(connection, stream, data=message("begun")):
    connection.send(h2.headers(stream, h2.ANSWER) + h2.frame(h2.DATA, 0, stream, data))


def broken_by(code):
    def end(connection, stream):
        begun(connection, stream)
        connection.send(h2.reset(stream, code))

    return end


def refused(connection, stream):
    connection.send(h2.reset(stream, REFUSED_STREAM))


def cut_in_a_message(connection, stream):
    begun(connection, stream, h2.prefixed(b"partial", 200))
    connection.send(h2.reset(stream, NO_ERROR))


def later(connection, stream):
    begun(connection, stream)
    time.sleep(LATER_S)
    connection.send(h2.reset(stream, INTERNAL_ERROR))


def without_a_status(connection, stream):
    connection.send(h2.headers(stream, h2.ANSWER) + h2.frame(h2.DATA, h2.END_STREAM, stream, message("begun")))


def serve(kit, end):
    """The first request of a connection ends so, the others are answered by their number."""

    def answer(connection, stream, number):
        if number == 1:
            end(connection, stream)
            return
        begun(connection, stream, message(f"answer {number}"))
        connection.send(h2.headers(stream, h2.OK, end=True))

    return h2.serve(kit, answer)


def ask(kit, address):
    """One call is open, a second is ended by the server, a third makes the same request, and then the first goes on.

    Gives what is heard of the second, the third and the first, and how long the second took.
    """
    client = h2.Client(kit, address)
    client.send(h2.call(1, LONG, b"long", end=False))
    began = time.monotonic()
    client.send(h2.call(3, UNARY, b"again"))
    (second,) = client.ended(3)
    took = time.monotonic() - began
    client.send(h2.call(5, UNARY, b"again"))
    (third,) = client.ended(5)
    client.send(h2.frame(h2.DATA, h2.END_STREAM, 1))
    (first,) = client.ended(1)
    assert not client.closed and not client.goaways, f"the connection does not live on: {client.goaways}"
    return [second, third, first], took


def ways(kit, end):
    """How a client is told it directly, through a proxy, and by serve of what the proxy recorded; and the ends that it recorded."""
    server = serve(kit, end)
    yield "directly", ask(kit, server), []
    proxy = kit.proxy(server)
    heard = ask(kit, proxy.grpc)
    proxy.finish()
    ends = [event for event in kit.events(proxy.kept) if event["event"] == "end"]
    yield "through a proxy", heard, ends
    yield "by serve", ask(kit, kit.background("serve", proxy.kept).grpc), ends


def judge(kit, end, heard):
    """The first attempt hears this, everywhere; the second one gets the second recorded answer, and the open call its own."""
    others = [(message("answer 2"), "0", None), (message("answer 3"), "0", None)]
    for way, (came, took), ends in ways(kit, end):
        assert came == [heard, *others], f"{way}: {came}"
        assert end is not later or LATER_S * 0.9 < took < 10 * LATER_S, f"{way}: after {took:.2f} s"
        codes = [event["reset"] for event in ends if event.get("reset") is not None]
        assert codes == ([] if heard[2] is None else [heard[2]] if ends else []), f"{way}: the capture has {codes}"


def case_refused(kit):
    """REFUSED_STREAM is told as such, and the call that is made again is answered."""
    judge(kit, refused, (b"", "", REFUSED_STREAM))


def case_broken_by_a_code(kit):
    """RST_STREAM with the recorded code, whichever, behind the messages that came before."""
    for code in (NO_ERROR, INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM, UNKNOWN):
        judge(kit, broken_by(code), (message("begun"), "", code))


def case_at_its_time(kit):
    """The reset comes as late as it was recorded."""
    judge(kit, later, (message("begun"), "", INTERNAL_ERROR))


def case_cut_in_a_message(kit):
    """A reset inside a message: the proxy passes on what came, serve sends nothing of it, and both end with the code."""
    others = [(message("answer 2"), "0", None), (message("answer 3"), "0", None)]
    for way, (came, _), _ in ways(kit, cut_in_a_message):
        data = b"" if way == "by serve" else h2.prefixed(b"partial", 200)
        assert came == [(data, "", NO_ERROR), *others], f"{way}: {came}"


def case_without_a_status(kit):
    """END_STREAM behind the messages, and no status: told as it was."""
    judge(kit, without_a_status, (message("begun"), "", None))


def attempts(kit, ask_twice):
    """Two calls of a client that makes a refused call again: directly, through a proxy, by serve."""
    server = serve(kit, refused)
    yield "directly", ask_twice(server)
    proxy = kit.proxy(server)
    yield "through a proxy", ask_twice(proxy.grpc)
    proxy.finish()
    yield "by serve", ask_twice(kit.background("serve", proxy.kept, "--rate", "max").grpc)


def case_grpcio_is_told_the_same(kit):
    """grpcio's two calls, of which it does not make the refused one again, come to the same everywhere."""

    def twice(address):
        call = grpcio.channel(kit, address).unary_unary(UNARY)
        return [grpcio.code(call, b"a", timeout=5) for _ in range(2)]

    for way, came in attempts(kit, twice):
        assert came == ["UNAVAILABLE", b"answer 2"], f"{way}: {came}"


def case_grpc_go_makes_a_refused_call_again(kit):
    """grpc-go's two calls are answered, by the second and the third recorded answer."""
    peer = kit.go("peer")
    for way, came in attempts(kit, lambda address: kit.client(peer, "unary", "-a", address, "-m", "U", "-n", 2)):
        assert came.split("\n") == ['"answer 2" <nil>', '"answer 3" <nil>', ""], f"{way}: {came}"
