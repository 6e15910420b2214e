// Go's gRPC: `go run client.go PLAIN TLS CA_FILE`; prints messages and digest of the whole job for each.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// raw passes bytes through.
type raw struct{}

func (raw) Marshal(value interface{}) ([]byte, error) { return *value.(*[]byte), nil }
func (raw) Unmarshal(data []byte, value interface{}) error {
	*value.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func stream(target string, security grpc.DialOption) {
	limits := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(100<<20), grpc.ForceCodec(raw{}))
	connection, err := grpc.Dial(target, security, limits)
	must(err)
	call, err := connection.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true},
		"/datastream.DataStreamService/StreamSpectrograms")
	must(err)
	request := []byte("\x0a\x0doptodas-quake")
	must(call.SendMsg(&request))
	must(call.CloseSend())
	digest, messages := sha256.New(), 0
	for {
		var message []byte
		if err := call.RecvMsg(&message); err == io.EOF {
			break
		} else {
			must(err)
		}
		var length [binary.MaxVarintLen64]byte
		digest.Write(length[:binary.PutUvarint(length[:], uint64(len(message)))])
		digest.Write(message)
		messages++
	}
	fmt.Printf("%d %x\n", messages, digest.Sum(nil))
}

func main() {
	stream(os.Args[1], grpc.WithInsecure())
	trusted, err := credentials.NewClientTLSFromFile(os.Args[3], "")
	must(err)
	stream(os.Args[2], grpc.WithTransportCredentials(trusted))
}
