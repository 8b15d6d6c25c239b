package ready

// Listening finds the inodes of the stream sockets in state LISTEN that the
// processes hold: where an app server serves that binds by itself. An error means
// that we may not look.
func Listening(pids []int) ([]uint64, error) {
	held, err := heldBy(pids, nil)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	var inodes []uint64
	err = eachListening(func(ino uint64, _ listening) {
		if held[ino] != nil {
			inodes = append(inodes, ino)
		}
	})
	return inodes, err
}
