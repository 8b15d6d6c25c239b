package ready

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for s, want := range map[string]How{
		"auto":                               {Kind: KindAuto},
		"notify":                             {Kind: KindNotify},
		"fd":                                 {Kind: KindFD},
		"armed":                              {Kind: KindArmed},
		"tcp":                                {Kind: KindTCP},
		"none":                               {Kind: KindNone},
		"delay:5s":                           {Kind: KindDelay, Delay: 5 * time.Second},
		"http:":                              {Kind: KindHTTP, Path: "/", StatusMin: 200, StatusMax: 399},
		"http:/healthz":                      {Kind: KindHTTP, Path: "/healthz", StatusMin: 200, StatusMax: 399},
		"http:/h,status=204":                 {Kind: KindHTTP, Path: "/h", StatusMin: 204, StatusMax: 204},
		"http:/h,host=a.b:80,status=200-499": {Kind: KindHTTP, Path: "/h", Host: "a.b:80", StatusMin: 200, StatusMax: 499},
		"http:/h?x=1,2":                      {Kind: KindHTTP, Path: "/h?x=1,2", StatusMin: 200, StatusMax: 399},
		"exec:./check -v":                    {Kind: KindExec, Argv: []string{"./check", "-v"}},
		`exec:a 'b  c' "d'e" f\ g ''`:        {Kind: KindExec, Argv: []string{"a", "b  c", "d'e", "f g", ""}},
	} {
		got, err := Parse(s)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("Parse(%q): %v\n%s", s, err, cmp.Diff(want, got))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for s, want := range map[string]string{
		"":                            "known are auto",
		"Auto":                        "known are auto",
		"auto:":                       "takes nothing",
		"tcp:80":                      "takes nothing",
		"http":                        "", // fine: GET /
		"http:healthz":                "begin with a slash",
		"http:/a b":                   "white space",
		"http:/a\r\nX: y":             "white space",
		"http:/,status=99":            "neither a status",
		"http:/,status=300-200":       "neither a status",
		"http:/,status=":              "neither a status",
		"http:/,host=":                "not a host",
		"http:/,host=a b":             "not a host",
		"delay":                       "no time",
		"delay:5":                     "no time",
		"delay:-1s":                   "not between",
		"delay:25h":                   "not between",
		"exec:":                       "no command",
		"exec:  ":                     "no command",
		"exec:'a":                     "not closed",
		`exec:a\`:                     "backslash",
		"exec:a\x00":                  "NUL",
		strings.Repeat("a", maxHow+1): "longer than",
	} {
		_, err := Parse(s)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("Parse(%.60q) = %v, want %q", s, err, want)
		}
	}
}

// What was written comes back, through String and through JSON.
func TestHowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.OneOf(
			rapid.Just(How{Kind: KindAuto}),
			rapid.Custom(func(t *rapid.T) How {
				word := rapid.StringMatching(`[a-z \t'"\\$;é]{0,8}`)
				return How{Kind: KindExec, Argv: append([]string{"x" + word.Draw(t, "argv0")}, rapid.SliceOfN(word, 0, 4).Draw(t, "args")...)}
			}),
			rapid.Custom(func(t *rapid.T) How {
				low := rapid.IntRange(100, 599).Draw(t, "low")
				return How{
					Kind: KindHTTP, Path: rapid.StringMatching(`/[a-z?=,%/]{0,20}`).Draw(t, "path"),
					Host:      rapid.StringMatching(`([a-z.]{1,9}(:80)?)?`).Draw(t, "host"),
					StatusMin: low, StatusMax: rapid.IntRange(low, 599).Draw(t, "high"),
				}
			}),
			rapid.Custom(func(t *rapid.T) How {
				return How{Kind: KindDelay, Delay: time.Duration(rapid.Int64Range(1, int64(MaxDelay)).Draw(t, "delay"))}
			}),
		).Draw(t, "how")
		if strings.Contains(h.Path, ",status=") || strings.Contains(h.Path, ",host=") {
			return
		}
		got, err := Parse(h.String())
		if err != nil || !cmp.Equal(got, h) {
			t.Fatalf("Parse(%q): %v\n%s", h.String(), err, cmp.Diff(h, got))
		}
		b, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var back How
		if err := json.Unmarshal(b, &back); err != nil || !cmp.Equal(back, h) {
			t.Fatalf("%s: %v\n%s", b, err, cmp.Diff(h, back))
		}
	})
}

func FuzzParseHow(f *testing.F) {
	for _, s := range []string{"auto", "http:/h,status=200-399,host=x", "exec:a 'b'", "delay:5s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(h.String())
		if err != nil || !cmp.Equal(again, h) {
			t.Fatalf("Parse(%q) = %+v, but Parse(%q) = %+v, %v", s, h, h.String(), again, err)
		}
	})
}
