"""A server that sends a message, or only its metadata, before the first request."""

import queue

import grpc

import _grpcio as grpcio

RATES = ("0.5", "1", "max")
GREETED = [b"welcome", b"re:hi", b"re:there", None]


def server(kit):
    def greet(requests, _):
        yield b"welcome"
        for request in requests:
            yield b"re:" + request

    def headers(requests, context):
        context.send_initial_metadata((("x-greeting", "welcome"),))
        for request in requests:
            yield b"re:" + request

    methods = {"/t.S/Greet": greet, "/t.S/Headers": headers}
    return grpcio.serve(kit, {path: grpc.stream_stream_rpc_method_handler(handler) for path, handler in methods.items()})


def chat(kit, address, method):
    """A client that says nothing before it is greeted, and each next word when the one before is answered."""
    words = queue.Queue()
    call = grpcio.channel(kit, address).stream_stream(method)(iter(words.get, None), timeout=8)
    heard = []
    try:
        if method == "/t.S/Greet":
            heard.append(next(call))
        else:
            heard.append(dict(call.initial_metadata())["x-greeting"].encode())
        for word in (b"hi", b"there"):
            words.put(word)
            heard.append(next(call))
        words.put(None)
        heard.append(next(call, None))
    except grpc.RpcError as error:
        heard.append(error.code().name)
    finally:
        words.put(None)
    return heard


def judge(kit, method):
    target = server(kit)
    assert chat(kit, target, method) == GREETED, "directly"
    proxy = kit.proxy(target)
    came = chat(kit, proxy.grpc, method)
    assert came == GREETED, f"through a proxy: {came}"
    proxy.finish()
    for rate in RATES:
        served = kit.background("serve", proxy.kept, "--rate", rate)
        # Each time it is asked.
        for _ in range(2):
            came = chat(kit, served.grpc, method)
            assert came == GREETED, f"by serve at rate {rate}: {came}"
        served.finish()


def case_by_a_message(kit):
    """The greeting reaches a client that waits for it, directly, through a proxy, and by serve at any rate."""
    judge(kit, "/t.S/Greet")


def case_by_its_metadata(kit):
    """The same for the headers of a server that has no message yet."""
    judge(kit, "/t.S/Headers")
