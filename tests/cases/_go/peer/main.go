// A server and clients of grpc-go that speak raw bytes.
//
//	peer server           serves on a free port, and prints its address
//	peer unary -a ADDR    -n calls one after the other; each line: what came
//	peer push -a ADDR     one call that sends -n messages, and then awaits its answer
//	peer many -a ADDR     -n streams of one connection, all open at once; each exchanges two messages
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// raw is a codec of bytes.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)   { return *(v.(*[]byte)), nil }
func (raw) Unmarshal(d []byte, v any) error { *(v.(*[]byte)) = append([]byte(nil), d...); return nil }
func (raw) Name() string                    { return "proto" }

var (
	addr    = flag.String("a", "", "address of the server")
	method  = flag.String("m", "Unary", "method of t.S")
	count   = flag.Int("n", 1, "how many calls or messages")
	data    = flag.String("d", "a", "the message")
	gz      = flag.Bool("gz", false, "send messages compressed")
	askGz   = flag.Bool("ask-gz", false, "ask for a compressed answer")
	timeout = flag.Duration("to", 20*time.Second, "deadline of a call")
)

var both = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

func main() {
	command := os.Args[1]
	flag.CommandLine.Parse(os.Args[2:])
	run := map[string]func() error{"server": server, "unary": unary, "push": push, "many": many}[command]
	if run == nil {
		log.Fatal("no command ", command)
	}
	if err := run(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func server() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(handle)).Serve(listener)
}

func handle(_ any, stream grpc.ServerStream) error {
	name, _ := grpc.MethodFromServerStream(stream)
	var got []byte
	switch name[strings.LastIndex(name, "/")+1:] {
	case "Unary":
		if err := stream.RecvMsg(&got); err != nil {
			return err
		}
		if asked, _ := metadata.FromIncomingContext(stream.Context()); len(asked.Get("x-gzip")) > 0 {
			grpc.SetSendCompressor(stream.Context(), gzip.Name)
		}
		answer := append([]byte("re:"), got...)
		return stream.SendMsg(&answer)
	case "Sum":
		for n := 0; ; n++ {
			if err := stream.RecvMsg(&got); errors.Is(err, io.EOF) {
				answer := fmt.Append(nil, "sum ", n)
				return stream.SendMsg(&answer)
			} else if err != nil {
				return err
			}
		}
	case "Echo":
		for {
			if err := stream.RecvMsg(&got); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := stream.SendMsg(&got); err != nil {
				return err
			}
		}
	}
	return status.Error(codes.Unimplemented, name)
}

func dial() (*grpc.ClientConn, error) {
	calls := []grpc.CallOption{grpc.ForceCodec(raw{})}
	if *gz {
		calls = append(calls, grpc.UseCompressor(gzip.Name))
	}
	return grpc.NewClient(*addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(calls...))
}

func unary() error {
	client, err := dial()
	if err != nil {
		return err
	}
	for range *count {
		ctx, cancel := context.WithTimeout(context.Background(), *timeout)
		if *askGz {
			ctx = metadata.AppendToOutgoingContext(ctx, "x-gzip", "1")
		}
		request, answer := []byte(*data), []byte(nil)
		err := client.Invoke(ctx, "/t.S/"+*method, &request, &answer)
		fmt.Printf("%q %v\n", answer, err)
		cancel()
	}
	return nil
}

func push() error {
	client, err := dial()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	stream, err := client.NewStream(ctx, both, "/t.S/Sum")
	if err != nil {
		return err
	}
	message := []byte(*data)
	for range *count {
		// Why it failed is told by what is received.
		if stream.SendMsg(&message) != nil {
			break
		}
	}
	stream.CloseSend()
	var answer []byte
	err = stream.RecvMsg(&answer)
	fmt.Printf("%q %v\n", answer, err)
	return nil
}

func many() error {
	client, err := dial()
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	var open, good atomic.Int64
	opened := make(chan struct{})
	for n := range *count {
		all.Add(1)
		go func() {
			defer all.Done()
			ctx, cancel := context.WithTimeout(context.Background(), *timeout)
			defer cancel()
			err := exchange(ctx, client, fmt.Append(nil, "m", n), func() {
				if open.Add(1) == int64(*count) {
					close(opened)
				}
				select {
				case <-opened:
				case <-ctx.Done():
				}
			})
			if err == nil {
				good.Add(1)
			} else {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
	all.Wait()
	fmt.Printf("%d good, %d open at once\n", good.Load(), open.Load())
	return nil
}

// exchange sends a message twice on a stream of its own, and awaits its echoes; all streams are open in between.
func exchange(ctx context.Context, client *grpc.ClientConn, message []byte, between func()) error {
	stream, err := client.NewStream(ctx, both, "/t.S/Echo")
	if err != nil {
		return err
	}
	var got []byte
	for _, then := range []func(){between, func() { stream.CloseSend() }} {
		if err := stream.SendMsg(&message); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := stream.RecvMsg(&got); err != nil {
			return err
		}
		if string(got) != string(message) {
			return fmt.Errorf("%q came for %q", got, message)
		}
		then()
	}
	if err := stream.RecvMsg(&got); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the end is %v", err)
	}
	return nil
}
