# Ruby's gRPC: `ruby client.rb PLAIN TLS CA_FILE`; prints messages and digest of the whole job for each.
require 'digest'
require 'grpc'
require 'datastream_services_pb'

def varint(value)
  bytes = ''.b
  while value > 127
    bytes << ((value & 127) | 128).chr
    value >>= 7
  end
  bytes << value.chr
end

secure = GRPC::Core::ChannelCredentials.new(File.read(ARGV[2]))
{ ARGV[0] => :this_channel_is_insecure, ARGV[1] => secure }.each do |target, credentials|
  limits = { 'grpc.max_receive_message_length' => 100 * 1024 * 1024 }
  job = Datastream::DataStreamService::Stub.new(target, credentials, channel_args: limits)
  abort 'not healthy' unless job.check_health(Datastream::HealthRequest.new).healthy
  raw = GRPC::ClientStub.new(target, credentials, channel_args: limits)
  request = Datastream::StreamRequest.new(job_id: 'optodas-quake')
  method = '/datastream.DataStreamService/StreamSpectrograms'
  digest = Digest::SHA256.new
  messages = 0
  raw.server_streamer(method, request, ->(sent) { sent.to_proto }, ->(bytes) { bytes }).each do |bytes|
    messages += 1
    digest << varint(bytes.bytesize) << bytes
  end
  puts "#{messages} #{digest.hexdigest}"
end
