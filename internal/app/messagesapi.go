package app

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage"
)

// MessageView is a HL7v2 message as the API lists it. Its bytes are at /api/messages/{message}.
type MessageView struct {
	Message     uint64          `json:"message"`
	Facility    halong.Facility `json:"facility"`
	Received    time.Time       `json:"received"`
	State       string          `json:"state"`
	Type        string          `json:"type,omitempty"`
	Control     string          `json:"control,omitempty"`     // MSH-10
	Application string          `json:"application,omitempty"` // MSH-3
	Site        string          `json:"site,omitempty"`        // MSH-4
	Protocol    string          `json:"protocol,omitempty"`
	Peer        string          `json:"peer,omitempty"`
	Address     string          `json:"address,omitempty"`
	Charset     string          `json:"charset,omitempty"`  // of the peer, that goes before MSH-18
	Size        int64           `json:"size"`               // in bytes
	Repeated    bool            `json:"repeated,omitempty"` // the control ID came before, with other bytes
	Note        string          `json:"note,omitempty"`     // why it is only kept, or what operators should know
	Reason      string          `json:"reason,omitempty"`   // why it was refused

	Damaged    string         `json:"damaged,omitempty"`    // why its bytes are not given out, of one message alone
	Answers    []string       `json:"answers,omitempty"`    // what was acknowledged, in UTF-8 whatever MSH-18 says; of one message alone
	Deliveries []ForwardEntry `json:"deliveries,omitempty"` // where it was sent, of one message alone
}

// MessageList is a page of messages, the newest first.
type MessageList struct {
	Messages []MessageView `json:"messages"`
	Before   uint64        `json:"before,omitempty"` // parameter before of the next page; 0: that was the last
}

// MessageOrder is what operators send to resend a message.
type MessageOrder struct {
	Destination string `json:"destination,omitempty"` // empty: all that rules name
}

// registerMessages adds the routes of the message browser. Orders are for callers that see every facility.
func (a *App) registerMessages(g *echo.Group) {
	g.GET("", a.findMessages)
	g.GET("/:id/status", a.messageStatus)
	g.POST("/:id/resend", a.resendMessage, everything)
}

func messageView(m *storage.Message) MessageView {
	return MessageView{
		Message: m.Seq, Facility: m.Facility, Received: m.Received, State: m.State.String(), Type: m.Type, Control: m.Key.Control,
		Application: m.Key.Application, Site: m.Key.Facility, Charset: m.Charset, Protocol: m.Source.Protocol, Peer: m.Source.Peer, Address: m.Source.Address,
		Size: m.Place.Length, Repeated: m.Repeated, Note: m.Why(), Reason: m.Reason,
	}
}

// findMessages answers GET /api/messages?control=&sender=&type=&state=&patient=&from=&until=&before=&limit=.
func (a *App) findMessages(c echo.Context) error {
	who, _, err := scope(c)
	if err != nil {
		return err
	}
	v := c.QueryParams()
	q := storage.MessageQuery{Control: v.Get("control"), Sender: v.Get("sender"), Type: v.Get("type"), State: v.Get("state"), Patient: v.Get("patient")}
	switch q.State {
	case "", storage.MessageKept.String(), storage.MessageProcessed.String(), storage.MessageRefused.String():
	default:
		return echo.NewHTTPError(http.StatusBadRequest, "A state is kept, processed or refused.")
	}
	var errs []error
	for key, into := range map[string]*time.Time{"from": &q.From, "until": &q.To} {
		if s := v.Get(key); s != "" {
			errs = append(errs, into.UnmarshalText([]byte(s)))
		}
	}
	if s := v.Get("before"); s != "" {
		q.Before, err = strconv.ParseUint(s, 10, 63)
		errs = append(errs, err)
	}
	if s := v.Get("limit"); s != "" {
		q.Limit, err = strconv.Atoi(s)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "from and until are times (RFC 3339), before and limit are numbers.")
	}
	page, err := a.data.Index.FindMessages(c.Request().Context(), who, q)
	if err != nil {
		return err
	}
	list := MessageList{Messages: []MessageView{}, Before: page.Before}
	for _, m := range page.Messages {
		list.Messages = append(list.Messages, messageView(m))
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, list)
}

// oneMessage finds the message that a request names.
func (a *App) oneMessage(c echo.Context) (*storage.Message, error) {
	who, _, err := scope(c)
	if err != nil {
		return nil, err
	}
	seq, err := strconv.ParseUint(c.Param("id"), 10, 63)
	if err != nil {
		return nil, echo.NewHTTPError(http.StatusBadRequest, "A message is named by its number.")
	}
	m, err := a.data.Index.Message(c.Request().Context(), who, seq)
	if halong.KindOf(err) == halong.NotExist {
		return nil, echo.NewHTTPError(http.StatusNotFound, "There is no such message, or the caller does not see it.")
	}
	return m, err
}

// messageRef names a message in the ledger.
func messageRef(seq uint64) string { return "message " + strconv.FormatUint(seq, 10) }

// messageStatus answers GET /api/messages/{id}/status. Where it was sent is told to callers that see every facility.
func (a *App) messageStatus(c echo.Context) error {
	m, err := a.oneMessage(c)
	if err != nil {
		return err
	}
	v := messageView(m)
	if _, err := a.data.verifyMessage(m); err != nil {
		v.Damaged = err.Error()
	}
	for _, b := range m.Answers {
		v.Answers = append(v.Answers, textOf(b, m.Charset))
	}
	if a.forward != nil && principal(c).Scope.All {
		list, err := a.forward.List(c.Request().Context(), forward.Selection{Ref: messageRef(m.Seq)}, 0, forwardPage)
		if err != nil {
			return forwardError(err)
		}
		for i := range list {
			v.Deliveries = append(v.Deliveries, entryOf(&list[i]))
		}
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, v)
}

// textOf gives a message in UTF-8, segment by segment. charset is the peer's; empty: MSH-18 says it.
func textOf(raw []byte, charset string) string {
	m, err := hl7v2.Parse(raw, hl7v2.ReadAs(charset)...)
	if err != nil {
		return strings.ToValidUTF8(string(raw), "\ufffd")
	}
	var b strings.Builder
	for s := range m.Segments() {
		b.Write(s.UTF8())
		b.WriteByte('\r')
	}
	return b.String()
}

// resendMessage answers POST /api/messages/{id}/resend.
func (a *App) resendMessage(c echo.Context) error {
	var o MessageOrder
	if err := readOrder(c, &o); err != nil {
		return err
	}
	m, err := a.oneMessage(c)
	if err != nil {
		return err
	}
	if _, err := a.data.verifyMessage(m); err != nil {
		a.log.Error("a message is damaged", "message", m.Seq, "error", err)
		return echo.NewHTTPError(http.StatusConflict, damagedText+" Nothing is sent of it.")
	}
	if m.State == storage.MessageRefused {
		return echo.NewHTTPError(http.StatusConflict, "The message was refused: it is in quarantine, and was never to be sent on.")
	}
	if a.forward == nil {
		return echo.NewHTTPError(http.StatusConflict, "Nothing is sent on: the configuration has no routes.destinations.")
	}
	n, err := a.forward.Resend(c.Request().Context(), messageRef(m.Seq), m.Received, o.Destination)
	if err != nil {
		return forwardError(err)
	}
	return c.JSON(http.StatusOK, ForwardDone{n})
}
