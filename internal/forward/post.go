package forward

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/hl7http"
)

// Post sends messages over HTTP. An acknowledgement in the answer decides, else the status.
type Post struct {
	Client  *hl7http.Client
	Answer  time.Duration // how long an answer is waited for; 0: 30 s
	OnError OnError
}

func (p *Post) carrier() carrier { return &posts{p} }

// posts is a carrier. Connections are kept by the HTTP client.
type posts struct{ p *Post }

func (posts) rest() {}

// send implements carrier.
func (c *posts) send(ctx context.Context, j *job) error { return j.messages(ctx, c.one) }

var (
	errOther = errors.New("the answer is to another message")
	errLate  = errors.New("no answer came in time")
)

func (c *posts) one(ctx context.Context, m *hl7v2.Message) (outcome, error) {
	limit := c.p.Answer
	if limit <= 0 {
		limit = answerTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := c.p.Client.Send(ctx, m.Bytes())
	if errors.Is(err, context.DeadlineExceeded) {
		err = errLate
	}
	if err != nil {
		return again("%v", reasonOf(err)), err
	}
	if a, err := hl7v2.Parse(answer.Body); err == nil && a.First("MSA").Exists() {
		if strings.TrimSpace(a.Get("MSA-2")) != strings.TrimSpace(m.Get("MSH-10")) {
			return again("%v", errOther), errOther
		}
		switch code := hl7v2.AckCode(strings.TrimSpace(a.Get("MSA-1"))); code {
		case hl7v2.AA, hl7v2.AE, hl7v2.AR, hl7v2.CA, hl7v2.CE, hl7v2.CR:
			return judge(code, answer.Body, c.p.OnError)
		}
	}
	return c.byStatus(answer)
}

// byStatus judges an answer that is no acknowledgement.
func (c *posts) byStatus(a *hl7http.Answer) (outcome, error) {
	switch {
	case a.Status >= 200 && a.Status < 300:
		return outcome{state: Done}, nil
	case a.Status == 400, a.Status == 413, a.Status == 415, a.Status == 422:
		o := dead("refused with HTTP status %d", a.Status)
		if c.p.OnError == TryAgain {
			return again("%s", o.reason), &refused{o.reason}
		}
		return o, nil
	}
	return again("HTTP status %d", a.Status), &refusal{a.Status, a.RetryAfter}
}
