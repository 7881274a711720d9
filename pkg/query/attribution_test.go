package query

import "testing"

func TestAttributionSmoke(t *testing.T) {
	for _, m := range []string{"", "lcp", "inp", "cls", "blocking"} {
		got := frames(t, `{"queryType":"attribution","compare":"previous","metric":"`+m+`"}`)
		s, _ := got[0].StringTable(60, 10)
		t.Log(s)
	}
}
