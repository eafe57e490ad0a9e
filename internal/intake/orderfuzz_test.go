package intake

import (
	"testing"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/worklist"
)

// Whatever is taken as an order is a message that says the same number, of which one order is read.
func FuzzJSONOrder(f *testing.F) {
	f.Add(`{"number":"0000123456-0789","patient":{"id":"BN01","name":"Trần^Nữ","birthDate":"1985-03-04","sex":"nữ","weight":50.5,"allergies":["Penicillin"]},"service":{"code":"XQ01","name":"X"},"start":"2026-11-22T09:30","priority":"STAT"}`)
	f.Add(`{"number":"1","kind":"laboratory","patient":{"id":"A"},"specimens":[{"id":"B1","type":{"code":"BLD"}}],"notes":["a|b^c&d~e\\f\r\ng"]}`)
	f.Add(`{"number":"1^2&3","authority":"H","patient":{"id":"A","identifiers":[{"id":"7","type":"NI"}]},"steps":[{"id":"S1","modality":"CT"},{"id":"S2","protocol":{"code":"P"},"station":"CT1"}],"studyInstanceUID":"2.25.1"}`)
	f.Add(`{"number":"1","action":"cancel"}`)
	by, _ := worklist.Preset(worklist.PresetIHE)
	f.Fuzz(func(t *testing.T, body string) {
		o, err := ReadJSONOrder([]byte(body))
		if err != nil {
			return
		}
		raw, err := o.Message(hl7v2.Header{ControlID: "C", Time: time.Unix(1_800_000_000, 0)}, false).Encode(hl7v2.Standard, hl7v2.Lenient)
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		m, err := hl7v2.Parse(raw)
		if err != nil {
			t.Fatalf("%v\n%q", err, raw)
		}
		list, note := worklist.Read(m, &by)
		if len(list) != 1 || list[0].Order.Placer.ID != o.Number {
			t.Errorf("%d orders (%s), %+v\n%q", len(list), note, list, raw)
		}
	})
}
