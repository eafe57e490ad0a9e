package intake

import (
	"testing"

	"github.com/halong-gateway/halong"
)

// A body is one JSON object with the keys that an order has; the number that names the order is found again as it was given.
func TestJSONOrderBodies(t *testing.T) {
	const good = `{"number":"B1","patient":{"id":"P1"}}`
	if o, err := ReadJSONOrder([]byte(good + "\n")); err != nil || o.Number != "B1" {
		t.Errorf("%+v, %v", o, err)
	}
	for name, body := range map[string]string{
		"two values":             good + good,
		"rest":                   good + "x",
		"unbalanced":             good + "]",
		"unknown key":            `{"number":"B1","patient":{"id":"P1"},"x":1}`,
		"not UTF-8":              "{\"number\":\"B\xff\",\"patient\":{\"id\":\"P1\"}}",
		"line end in the number": `{"number":"B\rORC","patient":{"id":"P1"}}`,
		"NUL in the number":      `{"number":"B\u0000","patient":{"id":"P1"}}`,
		"array":                  "[" + good + "]",
	} {
		if _, err := ReadJSONOrder([]byte(body)); halong.KindOf(err) != halong.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
