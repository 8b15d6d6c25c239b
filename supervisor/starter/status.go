package starter

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxStatus bounds what is read of a status file.
const maxStatus = 1 << 20

// writeStatus writes "generation:pid" lines, by the number of the generation. Who
// reads finds the file whole: it is renamed into its place.
func writeStatus(path string, pids map[int]int) error {
	var text strings.Builder
	for _, gen := range slices.Sorted(maps.Keys(pids)) {
		fmt.Fprintf(&text, "%d:%d\n", gen, pids[gen])
	}
	next := path + "." + strconv.Itoa(os.Getpid())
	_ = os.Remove(next) // of an earlier process with our pid
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		_, err = f.WriteString(text.String())
		if e := f.Close(); err == nil {
			err = e
		}
		if err == nil {
			err = os.Rename(next, path)
		}
		if err != nil {
			_ = os.Remove(next)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot write status file %s: %w", path, err)
	}
	return nil
}

// ReadStatus returns the pids in a status file by generation.
func ReadStatus(path string) (map[int]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read status file %s: %w", filepath.Base(path), err)
	}
	defer f.Close()
	pids := map[int]int{}
	lines := bufio.NewScanner(io.LimitReader(f, maxStatus))
	for lines.Scan() {
		gen, pid, _ := strings.Cut(lines.Text(), ":")
		n, err := strconv.Atoi(gen)
		if err == nil {
			pids[n], _ = strconv.Atoi(pid)
		}
	}
	return pids, lines.Err()
}
