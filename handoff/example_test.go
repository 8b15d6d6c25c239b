package handoff_test

import (
	"context"
	"fmt"
	"log"

	"github.com/herderd/herder/handoff"
)

// A listener for a program that looks for LISTEN_FDS, or is told its descriptor in an argument.
func Example() {
	spec, err := handoff.ParseSpec("unix:@handoff-example,name=web,backlog=64")
	if err != nil {
		log.Fatal(err)
	}
	l, err := handoff.Open(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()

	passed := []handoff.Passed{l.Passed()}
	argv, err := handoff.Expand([]string{"serve", "--fd={fd:web}"}, passed, 3)
	if err != nil {
		log.Fatal(err)
	}
	env, fds := handoff.Environ(passed, 0, 1, 3)
	fmt.Println(argv, len(fds))
	for _, e := range env {
		fmt.Println(e)
	}
	queued, backlog, err := l.Queue()
	fmt.Println(queued, backlog, err)
	// Output:
	// [serve --fd=3] 1
	// LISTEN_FDS=1
	// LISTEN_FDNAMES=web
	// EINHORN_FD_0=3
	// EINHORN_FD_COUNT=1
	// EINHORN_FDS=3
	// SERVER_STARTER_PORT=@handoff-example=3
	// SERVER_STARTER_GENERATION=1
	// 0 64 <nil>
}

func ExampleParseSpec() {
	for _, text := range []string{":8080", "/run/app.sock,umask=0117", "127.0.0.1", "8080,mode=0660"} {
		s, err := handoff.ParseSpec(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(s, s.DefaultName())
	}
	// Output:
	// tcp::8080 8080
	// unix:/run/app.sock,mode=0660 app.sock
	// cannot read listener "127.0.0.1": no port: write HOST:PORT
	// cannot read listener "8080,mode=0660": option mode means nothing for tcp (only for unix, unixgram)
}

// The last stop: nothing new comes in, and what is queued is still served.
func ExampleListener_Seal() {
	spec, err := handoff.ParseSpec("127.0.0.1:0,name=web")
	if err != nil {
		log.Fatal(err)
	}
	l, err := handoff.Open(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	fmt.Println(l.Seal())
	queued, _, err := l.Queue() // wait until it is 0, then end the workers
	fmt.Println(queued, err)
	// Output:
	// <nil>
	// 0 <nil>
}
