package proc

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	passwdFixture = `root:x:0:0:root:/root:/bin/bash
# a comment
app:x:1000:1001:The App,,,:/srv/app:/bin/sh
1000:x:77:77::/:/bin/sh
broken:x:many:0::/:
short:x
+@nis
alias:x:1000:5::/other:
`
	groupFixture = `root:x:0:
app:x:1001:
www:x:33:app,root
log:x:44:root,app
deploy:x:55:apps
www2:x:33:app
`
)

func accounts(t testing.TB, passwd, group string) Accounts {
	t.Helper()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "passwd"), []byte(passwd), 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "group"), []byte(group), 0o644))
	return Accounts(dir)
}

func TestLookupUser(t *testing.T) {
	a := accounts(t, passwdFixture, groupFixture)
	for spec, want := range map[string]User{
		"app":       {"app", 1000, 1001, []uint32{1001, 33, 44}, "/srv/app"},
		"root":      {"root", 0, 0, []uint32{0, 33, 44}, "/root"},
		"0":         {"root", 0, 0, []uint32{0, 33, 44}, "/root"},
		"app:www":   {"app", 1000, 33, []uint32{33, 44}, "/srv/app"},
		"app:99":    {"app", 1000, 99, []uint32{99, 33, 44}, "/srv/app"},
		"1000":      {"1000", 77, 77, []uint32{77}, "/"}, // a name before a number
		"4242":      {"", 4242, 4242, []uint32{4242}, ""},
		"4242:4343": {"", 4242, 4343, []uint32{4343}, ""},
		"4242:log":  {"", 4242, 44, []uint32{44}, ""},
		"77":        {"1000", 77, 77, []uint32{77}, "/"},
	} {
		got, err := a.User(spec)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, %v; want %+v", spec, got, err, want)
		}
	}
}

func TestB12UnknownUserOrGroup(t *testing.T) {
	a := accounts(t, passwdFixture, groupFixture)
	for spec, says := range map[string]string{
		"nope":       `cannot find user "nope": no such account; it is not in ` + string(a) + `/passwd; one that only LDAP or sssd knows can be given by number`,
		"":           `cannot find user ""`,
		"app:":       `cannot find group "": no such account`,
		"app:nope":   `cannot find group "nope": no such account; it is not in ` + string(a) + `/group`,
		"-1":         `cannot find user "-1"`,
		"4294967295": `cannot find user "4294967295"`, // (uid_t)-1
		"4294967296": `cannot find user "4294967296"`,
		"1:-1":       `cannot find group "-1"`,
		"short":      `cannot find user "short": no such account`,
		"broken":     `cannot find user "broken": "many" is not a user or group number`,
	} {
		if u, err := a.User(spec); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%q: %+v, %v; want %s", spec, u, err, says)
		}
	}
}

// A scratch image has no /etc/passwd.
func TestNumbersNeedNoFiles(t *testing.T) {
	a := Accounts(t.TempDir())
	if u, err := a.User("65532:65532"); err != nil || u.UID != 65532 || u.GID != 65532 {
		t.Errorf("%+v %v", u, err)
	}
	if _, err := a.User("nonroot"); !errors.Is(err, ErrNoAccount) {
		t.Error(err)
	}
	if u, err := LookupUser("root"); err != nil || u.UID != 0 || u.String() != "root (0:0)" {
		t.Errorf("%+v %v", u, err)
	}
	if gid, err := LookupGroup("root"); err != nil || gid != 0 {
		t.Error(gid, err)
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add(passwdFixture, groupFixture, "app:www")
	f.Add("a:b:1:2:c:d:e\n", "g::1:a,a\n", "1")
	f.Add("", "", ":")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, passwd, group, spec string) {
		check(t, os.WriteFile(filepath.Join(dir, "passwd"), []byte(passwd), 0o644))
		check(t, os.WriteFile(filepath.Join(dir, "group"), []byte(group), 0o644))
		u, err := Accounts(dir).User(spec)
		if err == nil && (u.Groups[0] != u.GID || u.UID == ^uint32(0) || u.GID == ^uint32(0)) {
			t.Fatalf("%q: %+v", spec, u)
		}
	})
}
