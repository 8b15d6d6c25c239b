package config

import (
	"fmt"
	"slices"
	"strings"
)

// Whole is the word that short is, or the only one that begins so, as getopt_long(3) and
// its likes take a flag that is cut short; "" when there is none. Where there are
// several the error names them.
func Whole(short string, words []string) (string, error) {
	if slices.Contains(words, short) {
		return short, nil
	}
	var could []string
	for _, w := range words {
		if strings.HasPrefix(w, short) {
			could = append(could, w)
		}
	}
	switch len(could) {
	case 0:
		return "", nil
	case 1:
		return could[0], nil
	}
	return "", fmt.Errorf("%s can be %s: write it whole", short, strings.Join(could, " or "))
}

// Nearest is the word that was probably meant: the one with the fewest edits,
// if they are few for its length; "" when there is none.
func Nearest(word string, words []string) string {
	best, found := 1+len(word)/3, ""
	if len(word) > 40 {
		return ""
	}
	for _, w := range words {
		if d := distance(word, w); d < best || d == best && found == "" {
			best, found = d, w
		}
	}
	return found
}

// distance is how many letters must be changed, added, removed or swapped with
// their neighbour to get from a to b (optimal string alignment).
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
