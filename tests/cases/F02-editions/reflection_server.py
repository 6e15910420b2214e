"""A server that echoes, and whose reflection serves a file of edition 2023; prints its port."""

from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection

file = descriptor_pb2.FileDescriptorProto(name="e1.proto", package="e1", syntax="editions", edition=1000)
message = file.message_type.add(name="M")
message.field.add(name="a", number=1, type=5, label=1, json_name="a")
file.service.add(name="S").method.add(name="U", input_type=".e1.M", output_type=".e1.M")
descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


class Echo(grpc.GenericRpcHandler):
    """Answers every method but those of reflection with its request."""

    def service(self, handler_call_details):
        if "reflection" in handler_call_details.method:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((Echo(),))
reflection.enable_server_reflection(["e1.S", reflection.SERVICE_NAME], server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
