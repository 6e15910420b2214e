"""Servers and clients of raw bytes with grpcio, in this process."""

from concurrent import futures

import grpc

# Metadata of any size, and connections of its own for each channel.
OPTIONS = (
    ("grpc.max_metadata_size", 16 << 20),
    ("grpc.absolute_max_metadata_size", 16 << 20),
    ("grpc.use_local_subchannel_pool", 1),
)
# What is lost is lost: not even a call that the server did not process is made again.
NO_RETRIES = ("grpc.enable_retries", 0)


class Methods(grpc.GenericRpcHandler):
    """The handlers of some paths."""

    def __init__(self, methods):
        self.methods = methods

    def service(self, handler_call_details):
        return self.methods.get(handler_call_details.method)


def serve(kit, methods, credentials=None, threads=8):
    """A server until the case ends: gives its address."""
    server = grpc.server(futures.ThreadPoolExecutor(threads), handlers=[Methods(methods)], options=OPTIONS)
    at = "127.0.0.1:0"
    port = server.add_secure_port(at, credentials) if credentials else server.add_insecure_port(at)
    server.start()
    kit.running.callback(lambda: server.stop(0).wait(5))
    return f"127.0.0.1:{port}"


def channel(kit, address, *options, **more):
    """A channel until the case ends."""
    made = grpc.insecure_channel(address, options=OPTIONS + options, **more)
    kit.running.callback(made.close)
    return made


def code(call, *args, **more):
    """What a unary call comes to: its answer, or the name of its status."""
    try:
        return call(*args, **more)
    except grpc.RpcError as error:
        return error.code().name
