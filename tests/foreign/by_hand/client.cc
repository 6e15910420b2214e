// C++ gRPC: `client TARGET CA_FILE|-`; writes the messages of the whole job with gRPC's prefix.
#include <fstream>
#include <iostream>
#include <sstream>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

static int stream(const std::string& target, std::shared_ptr<grpc::ChannelCredentials> credentials) {
  grpc::ChannelArguments limits;
  limits.SetMaxReceiveMessageSize(100 * 1024 * 1024);
  grpc::GenericStub job(grpc::CreateCustomChannel(target, credentials, limits));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = job.PrepareCall(&context, "/datastream.DataStreamService/StreamSpectrograms", &queue);
  void* tag;
  bool ok;
  auto next = [&] { return queue.Next(&tag, &ok) && ok; };
  call->StartCall(nullptr);
  if (!next()) return 1;
  const grpc::Slice request("\x0a\x0doptodas-quake");
  call->Write(grpc::ByteBuffer(&request, 1), nullptr);
  if (!next()) return 1;
  call->WritesDone(nullptr);
  if (!next()) return 1;
  for (;;) {
    grpc::ByteBuffer message;
    call->Read(&message, nullptr);
    if (!next()) break;
    const uint32_t length = message.Length();
    const char prefix[] = {0, char(length >> 24), char(length >> 16), char(length >> 8), char(length)};
    std::cout.write(prefix, sizeof prefix);
    std::vector<grpc::Slice> slices;
    message.Dump(&slices);
    for (const auto& slice : slices) std::cout.write(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  return next() && status.ok() ? 0 : 1;
}

int main(int, char** args) {
  const std::string ca_file = args[2];
  if (ca_file == "-") return stream(args[1], grpc::InsecureChannelCredentials());
  std::stringstream ca;
  ca << std::ifstream(ca_file).rdbuf();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ca.str();
  return stream(args[1], grpc::SslCredentials(options));
}
