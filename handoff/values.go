package handoff

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

func setInt(to *int, v string, least, most int) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return fmt.Errorf("want a whole number from %d to %d", least, most)
	}
	*to = n
	return nil
}

// setSize reads bytes, with k or m behind for 1024 and 1048576.
func setSize(to *int, v string) error {
	digits, factor := v, 1
	switch {
	case strings.HasSuffix(v, "k"):
		digits, factor = strings.TrimSuffix(v, "k"), 1<<10
	case strings.HasSuffix(v, "m"):
		digits, factor = strings.TrimSuffix(v, "m"), 1<<20
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > math.MaxInt32/factor {
		return errors.New("want a number of bytes, such as 262144, 256k or 1m")
	}
	*to = n * factor
	return nil
}

func setBool(to *bool, v string) error {
	switch v {
	case "", "1", "yes", "true", "on":
		*to = true
	case "0", "no", "false", "off":
		*to = false
	default:
		return errors.New("want yes or no")
	}
	return nil
}

func setWord(to *string, v string) error {
	if v == "" || strings.ContainsAny(v, ", \t\n\x00:=") {
		return errors.New("want a name or a number")
	}
	*to = v
	return nil
}

// setDevice keeps to the kernel's rule for a network device's name (IFNAMSIZ, dev_valid_name).
func setDevice(o *Options, v string) error {
	if len(v) > 15 || strings.ContainsAny(v, "/") {
		return errors.New("want a network device, at most 15 bytes")
	}
	return setWord(&o.Device, v)
}

// setTime reads "500ms" or a number of seconds, as in "0.5".
func setTime(to *time.Duration, v string, least time.Duration) error {
	const most = 24 * time.Hour
	d, err := time.ParseDuration(v)
	if err != nil {
		d, err = time.ParseDuration(v + "s")
	}
	if err != nil || d < least || d > most {
		return fmt.Errorf("want a time from %s to %s, such as 500ms or 2s", least, most)
	}
	*to = d
	return nil
}

// setDefer reads TCP_DEFER_ACCEPT, which the kernel counts in seconds (tcp(7)).
func setDefer(o *Options, v string) error {
	if v == "" {
		v = "1s"
	}
	if err := setTime(&o.DeferAccept, v, time.Second); err != nil {
		return err
	}
	o.DeferAccept = o.DeferAccept.Round(time.Second)
	return nil
}

func setMode(o *Options, v string) error {
	m, err := strconv.ParseUint(v, 8, 32)
	if err != nil || m == 0 || m > 0o777 {
		return errors.New("want an octal mode from 0001 to 0777, such as 0660")
	}
	return o.setMode(uint32(m))
}

// setUmask is another way to say the mode: what is masked out of 0777.
func setUmask(o *Options, v string) error {
	m, err := strconv.ParseUint(v, 8, 32)
	if err != nil || m >= 0o777 {
		return errors.New("want an octal mask from 0000 to 0776, such as 0117")
	}
	return o.setMode(0o777 &^ uint32(m))
}

func (o *Options) setMode(m uint32) error {
	if o.Mode != 0 && o.Mode != m {
		return errors.New("mode and umask contradict each other, give one")
	}
	o.Mode = m
	return nil
}

func setWait(o *Options, w Wait, v string) error {
	var on bool
	if err := setBool(&on, v); err != nil {
		return err
	}
	if !on {
		return errors.New("want no value; the opposite is spelled by the other word (blocking, nonblocking)")
	}
	if o.Wait != WaitAny && o.Wait != w {
		return errors.New("blocking and nonblocking exclude each other")
	}
	o.Wait = w
	return nil
}
