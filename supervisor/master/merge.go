package master

import "slices"

// mergeOrder puts an order into the queue of those not yet sent, and drops those
// that it, or one before it, makes pointless:
//
//   - a target is replaced by a later one;
//   - nothing is scaled in a generation that leaves;
//   - stop replaces quit, and neither is said twice;
//   - reopen, check, and one and the same signal are said once, as signals coalesce.
//
// So the queue is as short as the list of different orders, and however many come,
// the word that ends the generation is among them.
func mergeOrder(queue []Order, o Order) []Order {
	leaves := func(q Order) bool { return q.Do == DoQuit || q.Do == DoStop }
	if (o.Do == DoScale || o.Do == DoQuit) && slices.ContainsFunc(queue, leaves) {
		return queue
	}
	queue = slices.DeleteFunc(queue, func(q Order) bool {
		switch o.Do {
		case DoQuit, DoStop:
			return q.Do == DoScale || leaves(q)
		case DoScale:
			return q.Do == DoScale
		}
		return q == o
	})
	return append(queue, o)
}

// maxNotes bounds the notes that wait; the newest of a flood are the least new.
const maxNotes = 64

// mergeReport: only the newest state and last words count, a signal asked for twice is asked
// for, failures are never dropped.
func mergeReport(queue []Report, r Report) []Report {
	switch r.Kind {
	case ReportState, ReportTail, ReportExtend:
		queue = slices.DeleteFunc(queue, func(q Report) bool { return q.Kind == r.Kind })
	case ReportAsked:
		queue = slices.DeleteFunc(queue, func(q Report) bool { return q.Kind == ReportAsked && q.Asked == r.Asked })
	case ReportNote, ReportWarn:
		notes := 0
		for _, q := range queue {
			if q.Kind == r.Kind {
				notes++
			}
		}
		if notes >= maxNotes {
			return queue
		}
	}
	return append(queue, r)
}
