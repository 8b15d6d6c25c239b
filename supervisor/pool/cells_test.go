package pool

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestEveryCell walks both tables: every cell acts, or says why it does not, and
// a loud one is loud.
func TestEveryCell(t *testing.T) {
	for ph := range phases {
		for n := range newses {
			c := cells[ph][n]
			if (c.do == nil) == (c.why == "") {
				t.Errorf("%v × %v is not decided", ph, n)
			}
			checkLoud(t, fmt.Sprintf("cell phase=%v news=%v", ph, storyNews(n)), c.bug)
		}
	}
	for want := range wants {
		for w := range words {
			c := orders[want][w]
			if (c.do == nil) == (c.why == "") {
				t.Errorf("%v × %v is not decided", want, w)
			}
			checkLoud(t, fmt.Sprintf("order want=%v word=%v n=1", want, w), c.bug)
		}
	}
}

func checkLoud(t *testing.T, command string, loud bool) {
	t.Helper()
	out := newTeller(&orders, &cells).tell(strings.Fields(command))
	if strings.Contains(out, "BUG") != loud {
		t.Errorf("%s: loud should be %v:\n%s", command, loud, out)
	}
}

// storyNews is the word for a column in stories.
func storyNews(n News) string {
	if n == nReopen {
		return "reopened"
	}
	return strings.ToLower(n.String())
}

// TestEveryCellMatters blanks one cell at a time: an act is forgotten, a reason
// to ignore becomes a bug, a bug is ignored. Some story must notice each.
func TestEveryCellMatters(t *testing.T) {
	stories := readStories(t)
	if where := notices(stories, &orders, &cells); where != "" {
		t.Fatalf("the stories fail on the true tables: %s", where)
	}
	for ph := range phases {
		for n := range newses {
			blank := cells
			blank[ph][n] = cell{why: "blank", bug: !cells[ph][n].bug && cells[ph][n].do == nil}
			if notices(stories, &orders, &blank) == "" {
				t.Errorf("no story notices that %v × %v is blank", ph, n)
			}
		}
	}
	for want := range wants {
		for w := range words {
			blank := orders
			blank[want][w] = orderCell{why: "blank", bug: !orders[want][w].bug && orders[want][w].do == nil}
			if notices(stories, &blank, &cells) == "" {
				t.Errorf("no story notices that %v × %v is blank", want, w)
			}
		}
	}
}

// seeded is a mistake somebody could make in the tables or the verbs.
type seeded struct {
	name   string
	orders func(*orderTable)
	cells  func(*cellTable)
}

var seededBugs = []seeded{
	{name: "the one that leaves is replaced", cells: func(c *cellTable) {
		c[Leaving][nExited] = act("bury", func(p *Pool, s *Slot, e Event) { s.Fate = Keep; p.bury(s, e) })
	}},
	{name: "stop forgets those that leave already", cells: func(c *cellTable) { c[Leaving][nHurry] = ignore("") }},
	{name: "quit forgets the one that is being started", cells: func(c *cellTable) { c[Starting][nRetire] = ignore("") }},
	{name: "quit leaves the waiting one to wait", cells: func(c *cellTable) { c[Waiting][nRetire] = ignore("") }},
	{name: "the graceful word is said twice", cells: func(c *cellTable) { c[Leaving][nRetire] = act("retire", (*Pool).retire) }},
	{name: "a deadline while leaving is overlooked", cells: func(c *cellTable) { c[Leaving][nOverdue] = ignore("") }},
	{name: "SIGKILL is sent once", cells: func(c *cellTable) {
		c[Killing][nOverdue] = act("give up", func(p *Pool, s *Slot, _ Event) { s.Due = time.Time{} })
	}},
	{name: "leaving has no deadline", cells: func(c *cellTable) {
		c[Up][nRetire] = act("retire", func(p *Pool, s *Slot, e Event) { p.retire(s, e); s.Due = time.Time{} })
	}},
	{name: "the watchdog is not armed", cells: func(c *cellTable) {
		c[Booting][nReady] = act("serve", func(p *Pool, s *Slot, e Event) { p.serve(s, e); s.Due = time.Time{} })
	}},
	{name: "a hung worker is killed at once", cells: func(c *cellTable) {
		c[Up][nHung] = act("kill", (*Pool).kill)
	}},
	{name: "the replacement starts while the old one is dying", cells: func(c *cellTable) {
		c[Up][nStopping] = act("replace", func(p *Pool, s *Slot, _ Event) { p.replace(s, "x") })
	}},
	{name: "a failed boot goes on", cells: func(c *cellTable) {
		c[Booting][nExited] = act("bury", func(p *Pool, s *Slot, e Event) {
			raising := p.raising()
			p.bury(s, e)
			if raising && p.want == Quitting {
				p.want = Run
			}
		})
	}},
	{name: "a death takes the neighbours along", cells: func(c *cellTable) {
		c[Up][nExited] = act("bury", func(p *Pool, s *Slot, e Event) {
			p.bury(s, e)
			for i := range p.slots {
				if p.slots[i].Phase == Up {
					p.retire(&p.slots[i], nil)
				}
			}
		})
	}},
	{name: "a waiting one never comes back", cells: func(c *cellTable) {
		c[Waiting][nOverdue] = act("rest", func(p *Pool, s *Slot, _ Event) { s.Due = time.Time{} })
	}},
	{name: "a spawn that fails is forgotten", cells: func(c *cellTable) { c[Starting][nSpawnFailed] = ignore("") }},
	{name: "stop is taken for quit", orders: func(o *orderTable) { o[Quitting][wStop] = pass("") }},
	{name: "scale is obeyed while it quits", orders: func(o *orderTable) {
		o[Quitting][wScale] = obey("scale", func(p *Pool, e Event) { p.want = Run; p.scale(e) })
	}},
	{name: "scale does not clamp", orders: func(o *orderTable) {
		o[Run][wScale] = obey("scale", func(p *Pool, e Event) { p.target = e.(Scale).N })
	}},
	{name: "a lost herder is ignored", orders: func(o *orderTable) { o[Run][wLost] = pass("") }},
	{name: "quit waits for no deadline", orders: func(o *orderTable) { o[Quitting][wDue] = pass("") }},
	{name: "quit is quick", orders: func(o *orderTable) {
		o[Run][wQuit] = obey("quit", func(p *Pool, _ Event) { p.want = Quitting; p.each(hurry{}) })
	}},
}

// TestSeededBugs proves the search: it, or else a story, finds every one.
func TestSeededBugs(t *testing.T) {
	stories := readStories(t)
	bySearch := 0
	for _, bug := range seededBugs {
		o, c := orders, cells
		if bug.orders != nil {
			bug.orders(&o)
		}
		if bug.cells != nil {
			bug.cells(&c)
		}
		if finds(&o, &c) {
			bySearch++
		} else if notices(stories, &o, &c) == "" {
			t.Errorf("nobody finds: %s", bug.name)
		}
	}
	fmt.Printf("pool: the search finds %d of %d seeded bugs, the stories the rest\n", bySearch, len(seededBugs))
	if bySearch < 17 {
		t.Errorf("the search finds only %d of %d", bySearch, len(seededBugs))
	}
}

// finds runs a smaller search; a panic is a find, too.
func finds(o *orderTable, c *cellTable) (found bool) {
	defer func() { found = found || recover() != nil }()
	_, trace := explore(o, c, budget{mischief: 1, orders: 1, scales: 1})
	return trace != ""
}
