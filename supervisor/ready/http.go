package ready

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// HTTP by hand: net/http would cost every native master its start-up time and
// memory, for one request line and one status line (RFC 1945, HTTP/1.0).

// maxAnswer bounds how much of an answer is read: status line and headers.
const maxAnswer = 16 << 10

// request is the whole request. Its last line, two bytes, is sent last.
func (h How) request() string {
	host := h.Host
	if host == "" {
		host = "localhost"
	}
	return "GET " + h.Path + " HTTP/1.0\r\nHost: " + host +
		"\r\nUser-Agent: herder\r\nAccept: */*\r\nConnection: close\r\n\r\n"
}

// judge reads the answer as far as its headers go: closing with less of it read
// would reset the connection under the program's hands.
func (h How) judge(r io.Reader) error {
	var answer []byte
	var buf [2048]byte
	for len(answer) < maxAnswer && !bytes.Contains(answer, []byte("\r\n\r\n")) {
		n, err := r.Read(buf[:])
		answer = append(answer, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	status, err := parseStatus(answer)
	if err != nil {
		return err
	}
	if status < h.StatusMin || status > h.StatusMax {
		return fmt.Errorf("it answered %d, not %d to %d", status, h.StatusMin, h.StatusMax)
	}
	return nil
}

// parseStatus reads "HTTP/1.1 200 OK".
func parseStatus(answer []byte) (int, error) {
	line, _, whole := bytes.Cut(answer, []byte("\n"))
	f := bytes.Fields(line)
	if !whole || len(f) < 2 || !bytes.HasPrefix(f[0], []byte("HTTP/1.")) || len(f[1]) != 3 {
		return 0, fmt.Errorf("it did not answer in HTTP but %.40q", line)
	}
	status, err := strconv.Atoi(string(f[1]))
	if err != nil || status < 100 {
		return 0, fmt.Errorf("it did not answer in HTTP but %.40q", line)
	}
	return status, nil
}
