package ready

import (
	"net"
	"net/http"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The Go programs that tests start: this binary, with READY_TEST_ROLE.
func play(role string) {
	switch role {
	case "go":
		playGo(func(ln net.Listener) { acceptLoop(ln) })
	case "go-http":
		playGo(func(ln net.Listener) {
			http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) }))
		})
	case "ring":
		playRing()
	}
}

// playGo makes its listener first and initialises then, as many programs do.
func playGo(serve func(net.Listener)) {
	ln, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		panic(err)
	}
	// Something waits for the network, so the runtime asks for events, and hears
	// of connections on the listener.
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	defer w.Close()
	go r.Read(make([]byte, 1))
	initialise()
	serve(ln)
}

func initialise() {
	unix.Write(5, []byte("x"))
	var b [1]byte
	unix.Read(4, b[:])
}

func acceptLoop(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			panic(err)
		}
		var b [4096]byte
		c.Read(b[:])
		c.Write([]byte("HTTP/1.0 200 OK\r\n\r\nok"))
		c.Close()
	}
}

// playRing waits in io_uring_enter(2) for a completion that never comes.
func playRing() {
	var params [120]byte // struct io_uring_params
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		unix.Write(5, []byte("-"))
		return
	}
	initialise()
	runtime.LockOSThread()
	const getEvents = 1 // IORING_ENTER_GETEVENTS
	unix.Syscall6(unix.SYS_IO_URING_ENTER, fd, 0, 1, getEvents, 0, 0)
}
