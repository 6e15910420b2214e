import io.grpc.CallOptions;
import io.grpc.MethodDescriptor;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.util.Iterator;

/** Java's gRPC: `java Client PLAIN`; prints messages and digest of the whole job. */
public class Client {
    private static final MethodDescriptor.Marshaller<byte[]> RAW = new MethodDescriptor.Marshaller<byte[]>() {
        public InputStream stream(byte[] bytes) {
            return new ByteArrayInputStream(bytes);
        }

        public byte[] parse(InputStream bytes) {
            try {
                return bytes.readAllBytes();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    };

    public static void main(String[] args) throws Exception {
        var channel = NettyChannelBuilder.forTarget(args[0]).maxInboundMessageSize(100 << 20).usePlaintext().build();
        var method = MethodDescriptor.<byte[], byte[]>newBuilder()
                .setType(MethodDescriptor.MethodType.SERVER_STREAMING)
                .setFullMethodName("datastream.DataStreamService/StreamSpectrograms")
                .setRequestMarshaller(RAW).setResponseMarshaller(RAW).build();
        byte[] request = "\n\roptodas-quake".getBytes("US-ASCII");
        var digest = MessageDigest.getInstance("SHA-256");
        int messages = 0;
        Iterator<byte[]> answers =
                ClientCalls.blockingServerStreamingCall(channel, method, CallOptions.DEFAULT, request);
        while (answers.hasNext()) {
            byte[] message = answers.next();
            int rest = message.length;
            for (; rest > 127; rest >>= 7) {
                digest.update((byte) (rest & 127 | 128));
            }
            digest.update((byte) rest);
            digest.update(message);
            messages++;
        }
        var text = new StringBuilder();
        for (byte part : digest.digest()) {
            text.append(String.format("%02x", part));
        }
        System.out.println(messages + " " + text);
        channel.shutdownNow();
    }
}
