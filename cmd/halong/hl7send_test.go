package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// receiver answers messages as they ask for it, batches by a batch, and what is no message by AE; control IDs that begin with X are refused.
type receiver struct{}

func (r receiver) Handle(_ context.Context, _ mllp.Peer, f mllp.Frame) (answers [][]byte) {
	b := hl7v2.SplitBatch(f.Bytes)
	if len(b.Header) == 0 {
		for _, raw := range b.Messages {
			answers = append(answers, r.answers(raw)...)
		}
		return answers
	}
	all := slices.Clone(b.File)
	for _, g := range b.Groups {
		all = append(all, g.Header...)
		for _, raw := range g.Messages {
			all = append(all, bytes.Join(r.answers(raw), nil)...)
		}
		all = append(all, "BTS|2|a remark\r"...)
	}
	return [][]byte{append(all, b.FileTrailer...)}
}

func (receiver) answers(raw []byte) (answers [][]byte) {
	m, err := hl7v2.Parse(raw)
	if err != nil {
		return [][]byte{(&hl7v2.Ack{Code: hl7v2.AE, Time: time.Now(), ControlID: "A"}).Append(nil, nil)}
	}
	mode, code := m.AckMode(), hl7v2.AA
	if strings.HasPrefix(m.Get("MSH-10"), "X") {
		code = hl7v2.AE
	}
	for _, c := range []struct {
		hl7v2.Condition
		hl7v2.AckCode
	}{{mode.Accept, hl7v2.CA}, {mode.Application, code}} {
		if c.Wanted(true) {
			answers = append(answers, (&hl7v2.Ack{Code: c.AckCode, Time: time.Now(), ControlID: "A"}).Append(nil, m))
		}
	}
	return answers
}

// A file may hold a message in enhanced mode, which is answered twice, or one that wants no answer, several messages, or a batch: each is counted, each answer printed.
func TestSendFiles(t *testing.T) {
	s := mllp.NewServer(mllp.Config{Handler: receiver{}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	msg := func(id, mode string) string {
		return "MSH|^~\\&|A|B|||2026||ADT^A04|" + id + "|P|2.5|||" + mode + "\rPID|||1\r"
	}
	for name, c := range map[string]struct {
		files []string
		want  []string // what is printed, in order
		fails string
	}{
		"enhanced":  {[]string{msg("1", "AL|AL"), msg("2", "")}, []string{"MSA|CA|1", "MSA|AA|1", "MSA|AA|2"}, ""},
		"no answer": {[]string{msg("1", "NE|NE"), msg("2", "")}, []string{"asks for no answer", "MSA|AA|2"}, ""},
		"several":   {[]string{msg("1", "") + msg("X2", "") + msg("3", "") + "\n"}, []string{"MSA|AA|1", "MSA|AE|X2", "MSA|AA|3"}, "1 of 3 were not accepted"},
		"batch":     {[]string{"BHS|^~\\&\r" + msg("1", "") + msg("2", "") + "BTS|2\r"}, []string{"BHS|", "MSA|AA|1", "MSA|AA|2", "BTS|2|a remark"}, ""},
		"trailer":   {[]string{msg("1", "") + msg("X2", "") + "BTS|2\r"}, []string{"MSA|AA|1", "MSA|AE|X2"}, "1 of 2 were not accepted"},
		"in order":  {[]string{"FHS|^~\\&\rBHS|^~\\&\r" + msg("1", "") + "BTS|1\rBHS|^~\\&\r" + msg("2", "") + "BTS|1\rFTS|2\r"}, []string{"FHS|", "BHS|", "MSA|AA|1", "BTS|", "BHS|", "MSA|AA|2", "BTS|", "FTS|"}, ""},
		"bad batch": {[]string{"BHS|^~\\&\r" + msg("1", "") + msg("X2", "") + "BTS|2\r"}, []string{"MSA|AA|1", "MSA|AE|X2"}, "1 of 2"},
		"garbage":   {[]string{"garbage", msg("2", "")}, []string{"MSA|AE", "MSA|AA|2"}, "1 of 2"},
	} {
		var out bytes.Buffer
		x := hl7SendCmd{Address: l.Addr().String(), Timeout: time.Minute}
		for i, content := range c.files {
			x.Files = append(x.Files, filepath.Join(t.TempDir(), string(rune('a'+i))))
			if err := os.WriteFile(x.Files[i], []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := x.Run(&env{ctx: t.Context(), stdout: &out})
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", name, err)
		}
		rest, ok := out.String(), true
		for _, want := range c.want {
			if _, rest, ok = strings.Cut(rest, want); !ok {
				t.Errorf("%s: no %s in order in\n%s", name, want, out.String())
				break
			}
		}
	}
}

// What is meant for TLS is not sent in clear.
func TestSendNeedsTLS(t *testing.T) {
	x := hl7SendCmd{Address: "127.0.0.1:1", Files: []string{"x"}, tlsFlags: tlsFlags{CA: "ca.pem"}}
	if err := x.Run(&env{ctx: t.Context()}); err == nil || !strings.Contains(err.Error(), "need --tls") {
		t.Error(err)
	}
}
