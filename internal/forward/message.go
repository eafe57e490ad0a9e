package forward

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/transform"
)

// Topic says what a message is sent for.
type Topic string

// The topics.
const (
	TopicReceived Topic = "received" // a message came: as it came
	TopicResult   Topic = "result"   // a report, or a version of one, was filed: an ORU^R01 built of it
	TopicStatus   Topic = "status"   // an order's state changed: what its placer is told
)

// Topics gives all topics.
func Topics() []Topic { return []Topic{TopicReceived, TopicResult, TopicStatus} }

// Messages gives messages. Errors are of kind NotExist when what the event tells of is gone.
type Messages interface {
	// Message gives the message that an event is sent as. It is the same each time, but for what its sender would
	// not notice, and bears the same control ID (MSH-10).
	Message(ctx context.Context, e *halong.Event) (*hl7v2.Message, error)
}

// MessageRule says which messages go to which destinations. All that is given must hold.
type MessageRule struct {
	Name     string
	Topics   []Topic // empty: TopicReceived
	Facility []halong.Facility
	Match    []transform.Match // conditions on the message
	Schedule Schedule          // of the event's time
	To       []string          // names of destinations
}

func (r *MessageRule) matchesEvent(e *halong.Event, t Topic) bool {
	_, open := r.Schedule.Open(e.Time)
	topic := slices.Contains(r.Topics, t) || len(r.Topics) == 0 && t == TopicReceived
	return open && topic && anyOf(r.Facility, e.Facility)
}

// messageEvent is what counts of the payloads of events that messages are sent for.
type messageEvent struct {
	Message uint64 `json:"message"`
	Type    string `json:"type"`
	Report  string `json:"report"`
	Late    bool   `json:"late"` // kept, not shown
	Order   int64  `json:"order"`
}

// messageOf gives what an event is a reason to send; false for other events, and for those that were erased.
func messageOf(e *halong.Event) (*Item, Topic, bool) {
	topic, what := Topic(""), ""
	switch e.Type {
	case halong.EventMessageStored:
		topic, what = TopicReceived, "message "
	case halong.EventReportStored:
		topic, what = TopicResult, "report "
	case halong.EventOrderStatus:
		topic, what = TopicStatus, "order "
	default:
		return nil, "", false
	}
	var p messageEvent
	if json.Unmarshal(e.Payload, &p) != nil || p.Late {
		return nil, "", false
	}
	id := p.Report
	switch topic {
	case TopicReceived:
		id = strconv.FormatUint(p.Message, 10)
	case TopicStatus:
		id = strconv.FormatInt(p.Order, 10)
	}
	return &Item{Kind: Message, Facility: e.Facility, Ref: what + id, Type: p.Type}, topic, true
}

// routeMessage gives the destinations of a message, each once, in the order of the rules. The message is made only when a rule asks for it.
func (f *Forwarder) routeMessage(ctx context.Context, e *halong.Event, t Topic) (to []string, err error) {
	var m *hl7v2.Message
	for i := range f.MessageRules {
		r := &f.MessageRules[i]
		if !r.matchesEvent(e, t) {
			continue
		}
		if len(r.Match) > 0 && m == nil {
			if m, err = f.Messages.Message(ctx, e); err != nil {
				return f.unreadableMessage(e, t, err)
			}
		}
		if len(r.Match) > 0 && !transform.All(r.Match, m) {
			continue
		}
		for _, name := range r.To {
			if !slices.Contains(to, name) {
				to = append(to, name)
			}
		}
	}
	return to, nil
}

// unreadableMessage says where a message goes that rules cannot look at: where it may have to go, so that the ledger tells of it.
func (f *Forwarder) unreadableMessage(e *halong.Event, t Topic, err error) (to []string, _ error) {
	switch halong.KindOf(err) {
	case halong.NotExist:
		f.Log.Info("forwarding: what an event tells of was gone before rules could look at it", "event", e.Seq)
		return nil, nil
	case halong.Transient, halong.Exhausted:
		return nil, err
	}
	f.Log.Error("forwarding: rules cannot look at a message", "event", e.Seq, "error", err)
	for i := range f.MessageRules {
		if r := &f.MessageRules[i]; r.matchesEvent(e, t) {
			to = append(to, r.To...)
		}
	}
	slices.Sort(to)
	return slices.Compact(to), nil
}

var errNoEvent = errors.New("the event is not kept any more")

// message makes the message of an entry, as the lane's destination gets it.
func (l *lane) message(ctx context.Context, e *Entry) (*hl7v2.Message, error) {
	events, err := l.f.Ledger.EventsSince(ctx, e.Event-1, 1)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 || events[0].Seq != e.Event {
		return nil, halong.E("forward.message", halong.NotExist, "", errNoEvent)
	}
	m, err := l.f.Messages.Message(ctx, &events[0])
	if err != nil || l.Transform == nil {
		return m, err
	}
	m, err = l.Transform(m)
	var r *transform.Rejection
	if errors.As(err, &r) {
		return nil, halong.E("forward.message", halong.Invalid, "", r)
	}
	return m, err
}

// answerTime is how long the answer to a message is waited for unless a transport says otherwise.
const answerTime = 30 * time.Second
