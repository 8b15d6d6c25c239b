package hammer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	maxHead = 8 << 10
	maxBody = 64 << 10
)

func requestText(id int, keep bool, sleep time.Duration) string {
	target := "/?id=" + strconv.Itoa(id)
	if sleep > 0 {
		target += "&sleep=" + strconv.FormatInt(sleep.Milliseconds(), 10)
	}
	text := "GET " + target + " HTTP/1.1\r\nHost: hammer\r\n"
	if !keep {
		text += "Connection: close\r\n"
	}
	return text + "\r\n"
}

type response struct {
	body  string
	close bool // the server sends nothing more on this connection
}

// readResponse reads one HTTP/1.1 answer with a Content-Length or with chunks (RFC 9112 sections 6 and 7).
func readResponse(in *bufio.Reader) (response, error) {
	var r response
	status, err := readLine(in)
	if err != nil {
		return r, err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200") {
		return r, fmt.Errorf("status line %q", status)
	}
	length, chunked := -1, false
	for lines := 0; ; lines++ {
		line, err := readLine(in)
		if err != nil {
			return r, err
		}
		if line == "" {
			break
		}
		if lines == 100 {
			return r, errors.New("more than 100 header lines")
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.ToLower(strings.TrimSpace(value))
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(value); err != nil {
				return r, fmt.Errorf("header line %q", line)
			}
		case "transfer-encoding":
			chunked = value == "chunked"
		case "connection":
			r.close = value == "close"
		}
	}
	if chunked {
		r.body, err = readChunks(in)
		return r, err
	}
	r.body, err = readBody(in, length)
	return r, err
}

func readBody(in *bufio.Reader, length int) (string, error) {
	if length < 0 || length > maxBody {
		return "", fmt.Errorf("content length %d", length)
	}
	body := make([]byte, length)
	_, err := io.ReadFull(in, body)
	return string(body), err
}

func readChunks(in *bufio.Reader) (string, error) {
	var body strings.Builder
	for {
		line, err := readLine(in)
		if err != nil {
			return "", err
		}
		size, err := strconv.ParseUint(line, 16, 16)
		if err != nil || body.Len() > maxBody {
			return "", fmt.Errorf("chunk size %q", line)
		}
		chunk, err := readBody(in, int(size)+len("\r\n"))
		if err != nil {
			return "", err
		}
		if size == 0 {
			return body.String(), nil
		}
		body.WriteString(chunk[:size])
	}
}

// readLine reads one line of at most maxHead bytes.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// parseLine reads "N GENERATION SLOT PID".
func parseLine(line string) (id int, a answer, err error) {
	fields := strings.Fields(line)
	if len(fields) != 4 {
		return 0, a, fmt.Errorf("line %.80q is not \"N GENERATION SLOT PID\"", line)
	}
	var n [4]int
	for i, field := range fields {
		if n[i], err = strconv.Atoi(field); err != nil {
			return 0, a, fmt.Errorf("line %.80q is not \"N GENERATION SLOT PID\"", line)
		}
	}
	return n[0], answer{generation: n[1], slot: n[2], pid: n[3]}, nil
}
