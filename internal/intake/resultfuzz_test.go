package intake

import (
	"testing"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/lab"
)

// FuzzResult makes messages of any JSON: never a panic, and what is built reads as as many reports and observations as the JSON has.
func FuzzResult(f *testing.F) {
	f.Add([]byte(`{"patient":{"id":"8","name":"Lê^B|ình^Văn"},"visit":"V","reports":[{"service":"a|b","observed":"2026-11-21T09:00","interpreter":{"id":"1","name":"a^b"},"notes":["x\ry"],
		"observations":[{"code":"c","value":5.4,"units":{"code":"g^/L"}},{"code":"d","values":["<1","<2"]},{"code":"e","value":{"text":"~\\^&|"}}],"specimen":{"id":"S"},
		"documents":[{"mediaType":"text/plain","data":"aGk="}]}]}`))
	f.Add([]byte(`{"patient":{"identifiers":[{"id":"1"},{"id":"2","authority":"A"}]},"reports":[{"service":{"text":"x"},"status":"X","observations":[{"code":"c","value":""}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var r resultMessage
		if readBody(body, &r) != nil {
			return
		}
		raw, err := r.build(body)
		if err != nil {
			return
		}
		m, err := hl7v2.Parse(raw)
		if err != nil {
			t.Fatalf("%v: %q", err, raw)
		}
		want, got := 0, 0
		for i := range r.Reports {
			want += len(r.Reports[i].Observations) + len(r.Reports[i].Documents)
		}
		groups := lab.Read(m)
		for i := range groups {
			for _, rep := range groups[i].Reports {
				for range rep.Each() {
					got++
				}
			}
		}
		if len(groups) != 1 || got != want {
			t.Fatalf("%d groups, %d observations of %d: %q", len(groups), got, want, raw)
		}
	})
}
