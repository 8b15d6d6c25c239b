package proc

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// User is an identity for a child. Groups are all supplementary groups it gets.
type User struct {
	Name   string // for messages; may be empty
	UID    uint32
	GID    uint32
	Groups []uint32
	Home   string // "" when unknown
}

// Accounts is the directory with passwd and group, so that a fixture can stand in.
// The files are read as they are: through the C library we would get NSS (LDAP, sssd), but
// also a binary that behaves differently when built static. Names that only NSS
// knows can be given as numbers.
type Accounts string

// Etc is the usual place.
const Etc Accounts = "/etc"

// ErrNoAccount says that there is no such user, or group.
var ErrNoAccount = errors.New("no such account")

// LookupUser is [Accounts.User] of /etc.
func LookupUser(spec string) (*User, error) { return Etc.User(spec) }

// LookupGroup is [Accounts.Group] of /etc.
func LookupGroup(name string) (uint32, error) { return Etc.Group(name) }

// String is the name with the number, or the number.
func (u *User) String() string {
	if u.Name == "" {
		return fmt.Sprintf("%d:%d", u.UID, u.GID)
	}
	return fmt.Sprintf("%s (%d:%d)", u.Name, u.UID, u.GID)
}

// Allowed tells whether this process may start children as u: only root may
// take another identity. Ask before anything is bound or started.
func (u *User) Allowed() error {
	if u.current() || os.Geteuid() == 0 {
		return nil
	}
	return &Error{Do: "become user", What: u.String(), Err: unix.EPERM, Hint: "only root may; start it as root, or leave user out"}
}

// current: every id is ours already.
func (u *User) current() bool {
	ru, eu, su := unix.Getresuid()
	rg, eg, sg := unix.Getresgid()
	uid, gid := int(u.UID), int(u.GID)
	if ru != uid || eu != uid || su != uid || rg != gid || eg != gid || sg != gid {
		return false
	}
	mine, err := unix.Getgroups()
	return err == nil && slices.Equal(groupSet(mine, gid), groupSet(u.Groups, gid))
}

// groupSet sorts; the primary group counts whether it is listed or not.
func groupSet[T int | uint32](groups []T, gid int) []int {
	set := []int{gid}
	for _, g := range groups {
		set = append(set, int(g))
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// User reads "name", "uid", "name:group" or "uid:gid". A number needs no account:
// its group is then the same number, and no other. The supplementary groups are those
// the group file gives to the name, with the group itself.
func (a Accounts) User(spec string) (*User, error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	u, err := a.passwd(name)
	if err != nil {
		return nil, &Error{Do: "find user", What: strconv.Quote(name), Err: err, Hint: hintAccount(err, string(a), "passwd")}
	}
	if hasGroup {
		if u.GID, err = a.Group(group); err != nil {
			return nil, err
		}
	}
	if u.Groups, err = a.memberships(u.Name, u.GID); err != nil {
		return nil, &Error{Do: "find the groups of user", What: strconv.Quote(name), Err: err}
	}
	return u, nil
}

// Group reads "name" or "gid".
func (a Accounts) Group(name string) (uint32, error) {
	var gid uint32
	err := a.scan("group", 3, func(f []string) (bool, error) {
		if f[0] != name {
			return false, nil
		}
		var err error
		gid, err = parseID(f[2])
		return true, err
	})
	if errors.Is(err, ErrNoAccount) {
		if id, bad := parseID(name); bad == nil {
			return id, nil
		}
	}
	if err != nil {
		return 0, &Error{Do: "find group", What: strconv.Quote(name), Err: err, Hint: hintAccount(err, string(a), "group")}
	}
	return gid, nil
}

// passwd finds the line with this name, or else with this number (passwd(5)).
func (a Accounts) passwd(name string) (*User, error) {
	id, notNumber := parseID(name)
	var byName, byID *User
	err := a.scan("passwd", 6, func(f []string) (bool, error) {
		uid, err1 := parseID(f[2])
		gid, err2 := parseID(f[3])
		if f[0] != name && (notNumber != nil || uid != id || byID != nil) {
			return false, nil
		}
		u := &User{Name: f[0], UID: uid, GID: gid, Home: f[5]}
		if f[0] == name {
			byName = u
		} else {
			byID = u
		}
		return byName != nil, errors.Join(err1, err2)
	})
	switch {
	case byName != nil && err == nil:
		return byName, nil
	case err != nil && !errors.Is(err, ErrNoAccount):
		return nil, err
	case byID != nil:
		return byID, nil
	case notNumber == nil:
		return &User{UID: id, GID: id}, nil
	}
	return nil, ErrNoAccount
}

func (a Accounts) memberships(name string, gid uint32) ([]uint32, error) {
	groups := []uint32{gid}
	if name == "" {
		return groups, nil
	}
	err := a.scan("group", 4, func(f []string) (bool, error) {
		if id, err := parseID(f[2]); err == nil && slices.Contains(strings.Split(f[3], ","), name) && !slices.Contains(groups, id) {
			groups = append(groups, id)
		}
		return false, nil
	})
	if errors.Is(err, ErrNoAccount) {
		err = nil
	}
	return groups, err
}

// scan calls each with the fields of every line that has at least n, until it
// says that it is done; ErrNoAccount when it never did. A missing file has no line.
func (a Accounts) scan(file string, n int, each func([]string) (bool, error)) error {
	f, err := os.Open(filepath.Join(string(a), file))
	if errors.Is(err, os.ErrNotExist) {
		return ErrNoAccount
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20) // a group may have many members
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < n {
			continue
		}
		if done, err := each(fields); done || err != nil {
			return err
		}
	}
	if lines.Err() != nil {
		return lines.Err()
	}
	return ErrNoAccount
}

// parseID reads a uid or gid. The highest number means "leave as it is" to
// setresuid(2), so that it can be nobody's.
func parseID(s string) (uint32, error) {
	id, err := strconv.ParseUint(s, 10, 32)
	if err != nil || id == math.MaxUint32 {
		return 0, fmt.Errorf("%q is not a user or group number", s)
	}
	return uint32(id), nil
}

func hintAccount(err error, dir, file string) string {
	if errors.Is(err, ErrNoAccount) {
		return "it is not in " + filepath.Join(dir, file) + "; one that only LDAP or sssd knows can be given by number"
	}
	return ""
}
