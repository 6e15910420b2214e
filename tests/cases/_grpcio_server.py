"""A grpcio server of raw bytes in its own process: `_grpcio_server.py [AGE_MS]`. It prints its port.

/t.S/U answers after the number of seconds in its request. /t.S/T sends five messages a second without end. With
AGE_MS, the server closes each connection gracefully at this age.
"""

import sys
import time
from concurrent import futures

import grpc

OPTIONS = [
    # Clients may ping as often as they like.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10),
    ("grpc.http2.max_ping_strikes", 0),
]
if sys.argv[1:]:
    OPTIONS += [("grpc.max_connection_age_ms", int(sys.argv[1])), ("grpc.max_connection_age_grace_ms", 1000)]


def unary(request, _):
    time.sleep(float(request))
    return b"answer"


def ticks(_, context):
    while context.is_active():
        yield b"tick"
        time.sleep(0.2)


METHODS = {"/t.S/U": grpc.unary_unary_rpc_method_handler(unary), "/t.S/T": grpc.unary_stream_rpc_method_handler(ticks)}


class Methods(grpc.GenericRpcHandler):
    """Those two."""

    def service(self, handler_call_details):
        return METHODS.get(handler_call_details.method)


server = grpc.server(futures.ThreadPoolExecutor(64), handlers=[Methods()], options=OPTIONS)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
