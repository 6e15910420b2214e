"""Large metadata before the messages, after them, and with the request."""

import grpc

import _grpcio as grpcio

SIZES = (8_000, 20_000, 200_000, 1_000_000)
WHERE = ("initial", "trailing", "error")
MESSAGES = [b"one", b"two"]
KEY = "x-big"


def stream(_, context):
    """Answers /t.S/Stream as the request's metadata ask, or as the target's name does for a client that sends none."""
    asked = dict(context.invocation_metadata())
    where, size = asked["x-where"], int(asked["x-size"])
    big = ((KEY, "z" * size),)
    if where == "initial":
        context.send_initial_metadata(big)
    else:
        context.set_trailing_metadata(big)
    if where == "error":
        context.abort(grpc.StatusCode.DATA_LOSS, "as asked")
    yield from MESSAGES


def asked(where, size):
    return (("x-where", where), ("x-size", str(size)))


def told(channel, where, size):
    """What a client is told: status, messages, and how much metadata came where."""
    call = channel.unary_stream("/t.S/Stream")(b"r", timeout=20, metadata=asked(where, size))
    messages = []
    try:
        messages.extend(call)
    except grpc.RpcError:
        pass
    big = [sum(len(value) for key, value in pairs or () if key == KEY) for pairs in (call.initial_metadata(), call.trailing_metadata())]
    return call.code().name, messages, *big


def right(where, size):
    if where == "initial":
        return "OK", MESSAGES, size, 0
    return ("OK", MESSAGES, 0, size) if where == "trailing" else ("DATA_LOSS", [], 0, size)


def every():
    return [(where, size) for where in WHERE for size in SIZES]


def server(kit):
    return grpcio.serve(kit, {"/t.S/Stream": grpc.unary_stream_rpc_method_handler(stream)})


def kept_sizes(kit, capture):
    """Of each call how much metadata the capture holds, headers first."""
    found = {}
    for event in kit.events(capture):
        pairs = event.get("metadata") or event.get("trailers") or ()
        size = sum(len(value) for name, value in pairs if name == KEY)
        if size:
            found.setdefault(event["call"], []).append(size)
    return sorted(size for sizes in found.values() for size in sizes)


def case_recorded(kit):
    """record takes 8 kB to 1 MB of it, in headers and trailers, and the capture holds it."""
    target = server(kit)
    for where, size in every():
        flags = [flag for name, value in asked(where, size) for flag in ("-H", f"{name}: {value}")]
        flags += ["--plaintext", "--reflect=never", "--method", "/t.S/Stream", "--request-file", kit.file("request", "r")]
        out = kit.file(f"{where}-{size}.gcap")
        said = kit.json("record", "-t", target, *flags, "-o", out, code=64 + 15 if where == "error" else 0)
        status, messages, *_ = right(where, size)
        assert (said["endings"][0]["status"], said["messages"]) == (status, len(messages)), f"{where} {size}: {said['endings']}"
        assert kept_sizes(kit, out) == [size], f"{where} {size}"


def case_proxied_and_served(kit):
    """A client is told the same directly, through a proxy, and by serve of the proxy's capture."""
    target = server(kit)
    proxy = kit.proxy(target, code=(0,))
    channels = {"directly": grpcio.channel(kit, target), "through the proxy": grpcio.channel(kit, proxy.grpc)}
    for name, channel in channels.items():
        for where, size in every():
            assert told(channel, where, size) == right(where, size), f"{where} {size} {name}"
    proxy.finish()
    assert kept_sizes(kit, proxy.kept) == sorted(size for _, size in every())
    served = grpcio.channel(kit, kit.background("serve", proxy.kept, "--rate", "max").grpc)
    for where, size in every():
        assert told(served, where, size) == right(where, size), f"{where} {size} by serve"


def case_with_the_request(kit):
    """A request with so much metadata passes a proxy, is recorded, and is answered again by serve."""

    def count(_, context):
        return str(sum(len(value) for key, value in context.invocation_metadata() if key == KEY)).encode()

    target = grpcio.serve(kit, {"/t.S/U": grpc.unary_unary_rpc_method_handler(count)})
    proxy = kit.proxy(target, code=(0,))

    def ask(address):
        call = grpcio.channel(kit, address).unary_unary("/t.S/U")
        return [grpcio.code(call, b"r", timeout=20, metadata=((KEY, "z" * size),)) for size in SIZES]

    expected = [str(size).encode() for size in SIZES]
    assert ask(proxy.grpc) == expected, ask(proxy.grpc)
    proxy.finish()
    assert kept_sizes(kit, proxy.kept) == sorted(SIZES)
    came = ask(kit.background("serve", proxy.kept, "--rate", "max").grpc)
    assert came == expected, came
