package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/hl7http"
	"github.com/halong-gateway/halong/hl7v2/transform"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/worklist"
)

// routeDestination makes a destination of messages.
func (a *App) routeDestination(i int, transforms map[string][]transform.Rule) (d forward.Destination, err error) {
	c := &a.config.Routes.Destinations[i]
	d = forward.Destination{
		Name: c.Name, Retry: forward.Backoff{First: c.RetryFirst.Std(), Most: c.RetryMost.Std()}, MaxAge: c.MaxAge.Std(), Idle: c.Idle.Std(),
		Transform: transformation(c, transforms),
	}
	if d.Schedule, err = a.config.Forward.Schedule(fmt.Sprintf("routes.destinations[%d]", i), c.Windows); err != nil {
		return d, err
	}
	if c.URL != "" {
		h, err := a.httpClient(c.CA, c.Cert, c.Key)
		d.Transport = &forward.Post{Client: &hl7http.Client{URL: c.URL, Token: c.Token, Client: h}, Answer: c.Answer.Std(), OnError: forward.OnError(c.OnError)}
		return d, err
	}
	dial, err := a.dialer(config.Destination{TLS: c.TLS, CA: c.CA, Cert: c.Cert, Key: c.Key, ServerName: c.ServerName})
	d.Transport = &forward.MLLP{
		Dial:   func(ctx context.Context) (net.Conn, error) { return dial(ctx, "tcp", c.MLLP) },
		Answer: c.Answer.Std(), OnError: forward.OnError(c.OnError),
	}
	return d, err
}

// transformation runs a destination's transforms, and writes what comes of them in its character set; nil when there is nothing to do.
func transformation(c *config.RouteDestination, transforms map[string][]transform.Rule) func(*hl7v2.Message) (*hl7v2.Message, error) {
	var rules []transform.Rule
	for _, name := range c.Transform {
		rules = append(rules, transforms[name]...)
	}
	var charset *hl7v2.Charset
	if c.Charset != "" {
		charset, _ = hl7v2.LookupCharset(c.Charset)
	}
	if len(rules) == 0 && charset == nil {
		return nil
	}
	return func(m *hl7v2.Message) (*hl7v2.Message, error) { return Transform(rules, m, charset, nil) }
}

// Transform applies rules to a message and writes it in a character set; nil is its own. The error is a *transform.Rejection, or of kind Invalid
// when the character set lacks a character.
func Transform(rules []transform.Rule, m *hl7v2.Message, c *hl7v2.Charset, note func(transform.Step)) (*hl7v2.Message, error) {
	const op = "app.Transform"
	e, err := transform.Apply(rules, m, note)
	var r *transform.Rejection
	if errors.As(err, &r) {
		return nil, err
	}
	if err != nil {
		return nil, halong.E(op, halong.Invalid, "", err)
	}
	b, err := e.Encode(c)
	if err != nil {
		return nil, halong.E(op, halong.Invalid, "", err)
	}
	out, err := hl7v2.Parse(b, hl7v2.WithCharset(orOwn(c, m)))
	if err != nil {
		return nil, halong.E(op, halong.Invalid, "", err)
	}
	return out, nil
}

func orOwn(c *hl7v2.Charset, m *hl7v2.Message) *hl7v2.Charset {
	if c == nil {
		return m.Charset()
	}
	return c
}

// messageSource makes the messages that are sent on.
type messageSource struct {
	data *Data
	app  string   // MSH-3 of messages that are built: our AE title
	maps lab.Maps // of codes and units in reports
}

var _ forward.Messages = messageSource{}

// Message implements forward.Messages.
func (s messageSource) Message(ctx context.Context, e *halong.Event) (*hl7v2.Message, error) {
	switch e.Type {
	case halong.EventMessageStored:
		var p struct {
			Message uint64 `json:"message"`
		}
		if err := json.Unmarshal(e.Payload, &p); err != nil {
			return nil, halong.E("app.routes", halong.NotExist, "", err)
		}
		_, m, err := s.data.originals().Read(ctx, halong.Everything(), p.Message)
		return m, err
	case halong.EventOrderStatus:
		return s.status(ctx, e)
	case halong.EventReportStored:
		return s.result(ctx, e)
	}
	return nil, halong.E("app.routes", halong.Unsupported, string(e.Type), nil)
}

// header is what messages that are built for an event say of themselves. The control ID is the event's number, with a letter: it is the
// same each time, and no other message's.
func (s messageSource) header(e *halong.Event) hl7v2.Header {
	return hl7v2.Header{
		SendingApplication: s.app, SendingFacility: string(e.Facility), Time: e.Time, ControlID: "E" + strconv.FormatUint(e.Seq, 10),
	}
}

// status builds what the placer of an order is told. The state is that of the event, the rest is the order as it is now.
func (s messageSource) status(ctx context.Context, e *halong.Event) (*hl7v2.Message, error) {
	const op = "app.routes"
	var p worklist.StatusPayload
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, halong.E(op, halong.NotExist, "", err)
	}
	o, err := s.data.Index.FindOrderID(ctx, halong.Everything(), p.Order)
	if err != nil {
		return nil, err
	}
	o.Status = p.Status
	m, err := worklist.StatusMessage(o, s.header(e)).Message(hl7v2.Standard, hl7v2.Lenient)
	if err != nil {
		return nil, halong.E(op, halong.Invalid, "", err)
	}
	return m, nil
}

// result builds an ORU^R01 of a report as it was when the event happened, under the patient's present identity.
func (s messageSource) result(ctx context.Context, e *halong.Event) (*hl7v2.Message, error) {
	const op = "app.routes"
	var p struct {
		Report  lab.ID `json:"report"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, halong.E(op, halong.NotExist, "", err)
	}
	versions, err := s.data.library().Report(ctx, halong.Everything(), p.Report)
	if err != nil {
		return nil, err
	}
	versions = slices.DeleteFunc(versions, func(v lab.Version) bool { return v.Number > p.Version })
	shown, err := lab.Fold(versions, false)
	if err != nil {
		return nil, err
	}
	if len(shown) != 1 {
		return nil, halong.E(op, halong.NotExist, p.Report.String(), nil)
	}
	h := s.header(e)
	h.Type = [3]string{"ORU", "R01", "ORU_R01"}
	b := hl7v2.NewBuilder(h)
	sex := ""
	if key := versions[0].Patient; key != 0 {
		who, err := s.data.Index.CurrentPatient(ctx, key)
		if err != nil {
			return nil, err
		}
		addPID(b, who)
		sex = who.Sex
	}
	s.maps.Apply(&shown[0], sex)
	err = lab.AddResult(b, &shown[0], func(a *lab.Attachment) ([]byte, error) { return s.document(ctx, p.Report, a.Document) })
	if err != nil {
		return nil, err
	}
	m, err := b.Message(hl7v2.Standard, hl7v2.Lenient)
	if err != nil {
		return nil, halong.E(op, halong.Invalid, "", err)
	}
	return m, nil
}

// document reads a document of a report. It is part of a message, and no larger than messages may be.
func (s messageSource) document(ctx context.Context, report lab.ID, n int) ([]byte, error) {
	d, err := s.data.Index.Document(ctx, halong.Everything(), report, n)
	if err != nil {
		return nil, err
	}
	r, err := s.data.documents().Open(ctx, d)
	if err != nil {
		return nil, err
	}
	return storage.ReadWhole(r, d.Digest)
}

// addPID adds a patient (HL7 3.4.2).
func addPID(b *hl7v2.Builder, p *patient.Patient) {
	b.Add("PID")
	b.Set("PID-1", "1")
	for i, id := range p.Identifiers {
		at := "PID-3[" + strconv.Itoa(i+1) + "]"
		b.Set(at+".1", id.ID)
		b.Set(at+".4", id.Authority)
		b.Set(at+".5", id.Type)
	}
	b.SetName("PID-5", 0, p.Name)
	b.Set("PID-7", lab.HL7Time(p.Birth))
	b.Set("PID-8", p.Sex)
}

// addRoutes adds the destinations and rules of messages.
func (a *App) addRoutes(x *forward.Config) error {
	transforms, err := a.config.TransformRules()
	if err != nil {
		return err
	}
	if x.MessageRules, err = a.config.MessageRules(); err != nil {
		return err
	}
	x.Messages = messageSource{a.data, a.config.AE, a.labMaps}
	for i := range a.config.Routes.Destinations {
		d, err := a.routeDestination(i, transforms)
		if err != nil {
			return fmt.Errorf("routes.destinations[%d]: %w", i, err)
		}
		x.Destinations = append(x.Destinations, d)
	}
	return nil
}
