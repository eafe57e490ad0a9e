package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicomweb/client"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/forward"
)

// Routes says which HL7v2 messages are sent where, and what is changed in them. Schedules are in forward.time_zone; the ledger
// is that of forwarding.
type Routes struct {
	Transforms   []Transform        `yaml:"transforms"`
	Destinations []RouteDestination `yaml:"destinations"`
	Rules        []RouteRule        `yaml:"rules"`
}

// RouteDestination is where messages are sent to: by MLLP, or with POST to a URL.
type RouteDestination struct {
	Name string `yaml:"name"`
	MLLP string `yaml:"mllp"` // host:port
	URL  string `yaml:"url"`

	TLS        bool   `yaml:"tls"`         // of mllp
	CA         string `yaml:"ca"`          // authority of the receiver's certificate, PEM; those of this machine when empty
	Cert       string `yaml:"cert"`        // what we show, PEM
	Key        string `yaml:"key"`         // to Cert
	ServerName string `yaml:"server_name"` // name in the certificate of mllp, if it is not the host's
	Token      string `yaml:"token"`       // bearer token for URL

	Transform []string `yaml:"transform"` // names of transforms, run one after the other
	Charset   string   `yaml:"charset"`   // character set to send in; the message's own when empty
	Answer    Duration `yaml:"answer"`    // how long an acknowledgement is waited for
	OnError   string   `yaml:"on_error"`  // dead | retry: what becomes of a message that is answered with AE

	Windows    []string `yaml:"windows"`
	RetryFirst Duration `yaml:"retry_first"`
	RetryMost  Duration `yaml:"retry_most"`
	MaxAge     Duration `yaml:"max_age"` // how long a message is tried
	Idle       Duration `yaml:"idle"`    // an unused connection is closed after
}

// RouteRule says which messages go where. All that is given must hold.
type RouteRule struct {
	Name     string            `yaml:"name"`
	Topics   []string          `yaml:"topics"` // received (default), result, status
	Facility []halong.Facility `yaml:"facility"`
	Match    Table             `yaml:"match"` // place in the message: regular expression for a whole value
	Windows  []string          `yaml:"windows"`
	To       []string          `yaml:"to"` // names of destinations
}

// MessageRules gives the rules.
func (c *Config) MessageRules() (rules []forward.MessageRule, err error) {
	for i := range c.Routes.Rules {
		r, key := &c.Routes.Rules[i], fmt.Sprintf("routes.rules[%d]", i)
		s, serr := c.Forward.Schedule(key, r.Windows)
		match, merr := matches(key+".match", r.Match)
		err = errors.Join(err, serr, merr, c.checkRouteRule(key, r))
		x := forward.MessageRule{Name: cmp.Or(r.Name, fmt.Sprintf("route %d", i+1)), Facility: r.Facility, Match: match, Schedule: s, To: r.To}
		for _, t := range r.Topics {
			x.Topics = append(x.Topics, forward.Topic(t))
		}
		rules = append(rules, x)
	}
	return rules, err
}

func (c *Config) checkRouteRule(key string, r *RouteRule) error {
	var errs []error
	if len(r.To) == 0 {
		errs = append(errs, wrong(key+".to", "a destination is needed"))
	}
	for i, to := range r.To {
		if !slices.ContainsFunc(c.Routes.Destinations, func(d RouteDestination) bool { return d.Name == to }) {
			errs = append(errs, wrong(fmt.Sprintf("%s.to[%d]", key, i), "%q is not the name of one of routes.destinations", to))
		}
	}
	for i, t := range r.Topics {
		if !slices.Contains(forward.Topics(), forward.Topic(t)) {
			errs = append(errs, wrong(fmt.Sprintf("%s.topics[%d]", key, i), "%q is none of received, result, status", t))
		}
	}
	for i, f := range r.Facility {
		if err := ValidFacility(f); err != nil {
			errs = append(errs, wrong(fmt.Sprintf("%s.facility[%d]", key, i), "%w", err))
		}
	}
	return errors.Join(errs...)
}

// checkRoutes checks all of it.
func (c *Config) checkRoutes() error {
	_, err := c.MessageRules()
	transforms, terr := c.TransformRules()
	errs := []error{err, terr}
	for i := range c.Routes.Destinations {
		d, key := &c.Routes.Destinations[i], fmt.Sprintf("routes.destinations[%d]", i)
		errs = append(errs, c.checkRouteDestination(key, i))
		for j, name := range d.Transform {
			if _, ok := transforms[name]; !ok && terr == nil {
				errs = append(errs, wrong(fmt.Sprintf("%s.transform[%d]", key, j), "%q is not the name of one of routes.transforms", name))
			}
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkRouteDestination(key string, i int) error {
	d := &c.Routes.Destinations[i]
	var errs []error
	fault := func(name, format string, args ...any) { errs = append(errs, wrong(key+name, format, args...)) }
	if d.Name == "" || len(d.Name) > 64 || strings.ContainsFunc(d.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		fault(".name", "%q is no name (1 to 64 printable ASCII characters without spaces)", d.Name)
	}
	if slices.ContainsFunc(c.Routes.Destinations[:i], func(o RouteDestination) bool { return o.Name == d.Name }) ||
		slices.ContainsFunc(c.Forward.Destinations, func(o ForwardDestination) bool { return o.Name == d.Name }) {
		fault(".name", "%q is there twice, here or in forward.destinations", d.Name)
	}
	switch _, _, err := net.SplitHostPort(d.MLLP); {
	case (d.MLLP == "") == (d.URL == ""):
		fault("", "either mllp or url is needed")
	case d.MLLP != "" && err != nil:
		fault(".mllp", "%w (want HOST:PORT)", err)
	case d.URL != "" && client.CheckURL(d.URL) != nil:
		fault(".url", "%w", client.CheckURL(d.URL))
	case d.MLLP != "" && d.Token != "":
		fault(".token", "goes with url")
	case d.URL != "" && (d.TLS || d.ServerName != ""):
		fault("", "tls and server_name go with mllp")
	case d.MLLP != "" && !d.TLS && d.CA+d.Cert+d.Key+d.ServerName != "":
		fault("", "ca, cert, key and server_name go with tls: true")
	case (d.Cert == "") != (d.Key == ""):
		fault("", "cert and key go together")
	}
	if _, ok := hl7v2.LookupCharset(d.Charset); d.Charset != "" && !ok {
		fault(".charset", "%q is not a character set that is known (HL7 table 0211, CP1258, TCVN3, VNI)", d.Charset)
	}
	if !slices.Contains([]string{"", "dead", "retry"}, d.OnError) {
		fault(".on_error", "%q is neither dead nor retry", d.OnError)
	}
	if most := cmp.Or(d.RetryMost.Std(), forward.DefaultRetryMost); d.RetryFirst.Std() > most {
		fault(".retry_first", "longer than retry_most (%v)", most)
	}
	_, err := c.Forward.Schedule(key, d.Windows)
	return errors.Join(append(errs, err)...)
}
