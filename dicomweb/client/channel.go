package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
)

// WorkitemEvent is an Event Type ID of a report (PS3.4 table CC.2.4-1).
type WorkitemEvent int

// The types of reports.
const (
	StateReport     WorkitemEvent = 1 // Procedure Step State or Input Readiness State
	CancelRequested WorkitemEvent = 2
	ProgressReport  WorkitemEvent = 3
	StatusChange    WorkitemEvent = 4 // of the server itself: it was started again, or stops
	Assigned        WorkitemEvent = 5
)

// WorkitemReport is one event report.
type WorkitemReport struct {
	Workitem   dicom.UID     // Affected SOP Instance UID (0000,1000); of a StatusChange the Worklist
	Type       WorkitemEvent // Event Type ID (0000,1002)
	Message    int           // Message ID (0000,0110)
	Attributes *dataset.Set  // what table CC.2.4-1 has for the type
}

// EventChannel is an open WebSocket on which a subscriber's reports come (PS3.18 8.10.4, 11.13).
type EventChannel struct {
	conn  *websocket.Conn
	stall time.Duration
}

// OpenEventChannel opens the channel at the URL that Subscribe gave, with scheme ws, wss, http or https, or relative to the service. It is closed
// with Close; ctx is for opening alone. To open it again when it ends is the caller's: the server keeps what did not arrive.
func (c *Client) OpenEventChannel(ctx context.Context, channel string) (*EventChannel, error) {
	const op = "Open Event Channel"
	at, err := c.channelURL(channel)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if c.Token != "" && c.ours(at) {
		header.Set("Authorization", "Bearer "+c.Token)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.answer(), ErrStalled)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, at.String(), &websocket.DialOptions{HTTPClient: c.http(), HTTPHeader: header, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, refused(op, resp)
		}
		return nil, undisclosed(ctx, err)
	}
	conn.SetReadLimit(MaxAnswer)
	return &EventChannel{conn: conn, stall: c.stall()}, nil
}

// channelURL gives the URL of a channel with scheme http or https.
func (c *Client) channelURL(channel string) (*url.URL, error) {
	base, err := url.Parse(c.base() + "/")
	if err != nil {
		return nil, ErrURL
	}
	at, err := base.Parse(channel)
	if err != nil {
		return nil, ErrURL
	}
	switch at.Scheme = strings.ToLower(at.Scheme); at.Scheme {
	case "ws":
		at.Scheme = "http"
	case "wss":
		at.Scheme = "https"
	case "http", "https":
	default:
		return nil, ErrURL
	}
	if at.Host == "" {
		return nil, ErrURL
	}
	return at, nil
}

// Reports gives the reports as they come, for ever: it ends with its context, with the loop, or with an error; when the server closed the
// channel, an error that wraps a *ChannelClosed. It can be called again after a loop was left, but not after its context or an error ended it, and not twice at a time.
//
// The server is told that a report arrived only when the loop asks for the next one, so that one whose handling failed comes again on the next
// channel. A server that is not told in time closes the channel (Halong: after 20 s): what takes longer should be done elsewhere.
func (e *EventChannel) Reports(ctx context.Context) iter.Seq2[*WorkitemReport, error] {
	return func(yield func(*WorkitemReport, error) bool) {
		for {
			r, err := e.next(ctx)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// ChannelClosed says that the server closed a channel.
type ChannelClosed struct {
	Code   int    // RFC 6455 7.4: 1001 when it stops
	Reason string // its own words
}

// Error gives the code.
func (e *ChannelClosed) Error() string {
	return fmt.Sprintf("dicomweb: the server closed the event channel, code %d", e.Code)
}

// Close ends the channel. It may have ended already.
func (e *EventChannel) Close() error {
	err := e.conn.Close(websocket.StatusNormalClosure, "")
	if errors.Is(err, net.ErrClosed) || websocket.CloseStatus(err) != -1 {
		return nil
	}
	return err
}

func (e *EventChannel) next(ctx context.Context) (*WorkitemReport, error) {
	b, err := e.read(ctx)
	if err != nil {
		var closed websocket.CloseError
		if errors.As(err, &closed) {
			return nil, &ChannelClosed{int(closed.Code), closed.Reason}
		}
		return nil, err
	}
	var command struct { // which is no part of a Data Set
		Workitem struct{ Value []dicom.UID }   `json:"00001000"`
		Type     struct{ Value []json.Number } `json:"00001002"`
		Message  struct{ Value []json.Number } `json:"00000110"`
	}
	if err := json.Unmarshal(b, &command); err != nil {
		return nil, modelError(err)
	}
	r := &WorkitemReport{Type: WorkitemEvent(number(command.Type.Value)), Message: number(command.Message.Value)}
	if v := command.Workitem.Value; len(v) > 0 {
		r.Workitem = v[0]
	}
	if r.Attributes, _, err = dicomjson.Decode(b, dataset.Limits{}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return r, nil
}

// number gives the first value; 0 if there is none.
func number(values []json.Number) int {
	if len(values) == 0 {
		return 0
	}
	n, err := values[0].Int64()
	if err != nil {
		return 0
	}
	return int(n)
}

// read waits for a message, and asks an idle server from time to time whether it is there.
func (e *EventChannel) read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		idle := time.NewTicker(e.stall)
		defer idle.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-idle.C:
			}
			asked, over := context.WithTimeout(context.WithoutCancel(ctx), e.stall) // ended in the midst of a frame it would break the connection
			err := e.conn.Ping(asked)
			over()
			if err != nil {
				cancel(ErrStalled)
				return
			}
		}
	}()
	_, b, err := e.conn.Read(ctx)
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	return b, err
}
