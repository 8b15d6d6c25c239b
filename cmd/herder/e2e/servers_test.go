package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/herderd/herder/contrib/hammer"
)

const serverUpgrades = 20

// TestServers runs every app server of contrib/servers under herder, and says in the README what became of it.
func TestServers(t *testing.T) {
	results := &serverResults{}
	t.Run("all", func(t *testing.T) {
		for _, r := range serverRows {
			if race && !r.quick {
				continue
			}
			for _, network := range r.networks() {
				t.Run(strings.Join([]string{r.server, r.kindName(), network}, " "), func(t *testing.T) {
					t.Parallel()
					if result := herdServer(t, r, network); !t.Failed() {
						results.add(result)
					}
				})
			}
		}
	})
	results.compare(t)
}

// herdServer is the story of one server.
func herdServer(t *testing.T, r serverRow, network string) serverResult {
	s := newStand(t, r, network)
	s.start()
	target := s.target()
	load := hammer.Start(t.Context(), target)
	s.answered(load, 50)
	s.upgrades()
	s.backlog()
	s.brokenRelease()
	s.scale()
	s.answered(load, 50)
	load.Pause()

	target.First += numbers
	more := hammer.Start(t.Context(), target)
	s.answered(more, 50)
	killed := s.killWorker()
	s.answered(more, 50)
	more.Pause()

	s.stop()
	s.gatherLog()
	s.account(load.Stop())
	s.accountKill(more.Stop(killed), killed)
	s.end()
	return s.result
}

// upgrades are asked for one after the other; each must succeed.
func (s *stand) upgrades() {
	for range serverUpgrades {
		s.upgrade()
	}
	s.result.upgrades = serverUpgrades
}

func (s *stand) upgrade() {
	s.t.Helper()
	if !s.row.binds() {
		s.settled() // a master whose parent still lives does not start a successor
	}
	if code, words := s.herder("upgrade"); code != "0" {
		s.t.Fatalf("herder upgrade: exit %s: %s", code, words)
	}
}

// backlog: most servers call listen again when they boot, and what they change is put back without being asked for. A status would
// ask for it, so it is the kernel that is looked at.
func (s *stand) backlog() {
	s.t.Helper()
	if !s.row.binds() {
		return
	}
	want, got := []string{fmt.Sprint(serverBacklog)}, []string(nil)
	if !within(patience, func() bool { got = s.backlogs(); return slices.Equal(got, want) }) {
		s.t.Errorf("after %d upgrades the backlog is %q, want %q", serverUpgrades, got, want)
	}
}

// brokenRelease: the old generation serves on, the verdict says why, and the next release is as good as ever.
func (s *stand) brokenRelease() {
	s.t.Helper()
	s.settled()
	before := s.status()
	heal := s.breakApp()
	code, words := s.herder("upgrade")
	if code != "1" || !strings.Contains(words, "rolled back") {
		s.t.Fatalf("herder upgrade to a broken release: exit %s: %s", code, words)
	}
	if !ownWords.MatchString(words) {
		s.t.Errorf("the verdict has none of the server's own words: %s", words)
	}
	if after := s.settled(); after.Serving.Master.PID != before.Serving.Master.PID {
		s.t.Errorf("the master is %d after the rollback, before it was %d", after.Serving.Master.PID, before.Serving.Master.PID)
	}
	heal()
	s.upgrade()
	s.result.crash = "rolled back"
}

// ownWords of a server are in the verdict: the app's, if not so many of the server's own follow that those are gone.
var ownWords = regexp.MustCompile(`herder: \| .*(boom|Worker failed to boot|unexpected end of file|php-fpm.conf:1)`)

// breakApp makes a release that cannot be loaded; heal takes that back.
func (s *stand) breakApp() (heal func()) {
	if s.row.noApp == "" {
		path := filepath.Join(s.work, "mode")
		s.must(os.WriteFile(path, []byte("crash\n"), 0o644))
		return func() { s.must(os.Remove(path)) }
	}
	path := filepath.Join(s.work, s.row.noApp)
	good, err := os.ReadFile(path)
	s.must(err)
	s.must(os.WriteFile(path, []byte("boom\n"), 0o644))
	return func() { s.must(os.WriteFile(path, good, 0o644)) }
}

// scale: one worker more, and one fewer, where the server has a word for it.
func (s *stand) scale() {
	s.t.Helper()
	if s.row.scale != "" {
		s.result.scale = "–" + mark(s.row.scale)
		return
	}
	s.settled()
	for _, step := range []struct {
		change string
		want   int
	}{{"+1", s.row.crew() + 1}, {"-1", s.row.crew()}} {
		if code, words := s.herder("scale", "--", step.change); code != "0" {
			s.t.Fatalf("herder scale %s: exit %s: %s", step.change, code, words)
		}
		s.await(fmt.Sprintf("%d workers", step.want), func(st herdStatus) bool { return st.settled() && up(st) == step.want })
	}
	s.result.scale = "yes"
}

// killWorker kills one worker; the crew must be whole again without it.
func (s *stand) killWorker() (pid int) {
	s.t.Helper()
	whole := func(st herdStatus) bool { return st.settled() && up(st) == s.row.crew() }
	st := s.await("the crew", whole) // starman's workers leave after 1000 requests
	pid = st.Serving.Workers[0].PID
	s.must(syscall.Kill(pid, syscall.SIGKILL))
	s.await("the crew without the one that was killed", func(st herdStatus) bool {
		return whole(st) && !slices.Contains(st.workers(), pid)
	})
	s.result.kill = "replaced"
	return pid
}

// stop: what is in flight is answered, and nothing is left.
func (s *stand) stop() {
	s.t.Helper()
	s.settled()
	answer := s.inFlight()
	if code, words := s.herder("stop"); code != "0" {
		s.t.Errorf("herder stop: exit %s: %s", code, words)
	}
	body, err := answer()
	switch {
	case err == nil && regexp.MustCompile(`^-? \d+ \d+ \d+\n$`).MatchString(body):
		s.result.stop = "answered"
	case s.row.cuts == "":
		s.t.Errorf("the request in flight got %q, %v", body, err)
	}
	if s.row.cuts != "" {
		s.result.stop = "cut" + mark(s.row.cuts)
	}
	if status := s.exit("app"); status != "0" {
		s.t.Errorf("herder ended with %s", status)
	}
}

// account lets no more be lost than the server is known to lose.
func (s *stand) account(r hammer.Report) {
	s.t.Helper()
	s.t.Log(r)
	s.result.requests, s.result.lost = r.Sent, fmt.Sprint(r.Lost())
	most := 0
	if s.row.loses != "" {
		most = serverClients * (serverUpgrades + 1)
		s.result.lost += mark(s.row.loses)
	}
	if r.Lost() > most || r.Answered == 0 {
		s.t.Errorf("lost %d requests of %d, at most %d may be: %s", r.Lost(), r.Sent, most, s.row.loses)
	}
}

// accountKill excuses what the process that was killed had in its hands, and nothing else.
func (s *stand) accountKill(r hammer.Report, killed int) {
	s.t.Helper()
	s.t.Logf("killed %d: %v", killed, r)
	inHand := 0
	if s.row.logsLate {
		unlogged := fmt.Sprintf("answered by pid %d, but not in the log", killed)
		inHand = min(strings.Count(strings.Join(r.First, "\n"), unlogged), serverClients)
	}
	if r.Lost() > inHand || r.Answered == 0 {
		s.t.Errorf("a killed worker cost more than it had in hand: %v", r)
	}
}
