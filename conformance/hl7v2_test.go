package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// hl7Cache is the folder with node-hl7-client and simple-hl7.
func hl7Cache(t *testing.T) string {
	t.Helper()
	return npmCache(t, "hl7v2", "npm.sh", "hl7v2")
}

// needPythonHL7 ends the test without Debian's python3-hl7, and gives the Python that has it.
func needPythonHL7(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's own: another one on the path lacks Debian's packages
	if err := exec.Command(python, "-c", "import hl7.mllp").Run(); err != nil {
		missing(t, "the Debian package python3-hl7 (make deps installs it)")
	}
	return python
}

// hl7Sender is a library that sends.
type hl7Sender struct {
	name string
	// single is set where the library takes all that comes at once for one answer: then no message asks for two.
	single  bool
	command func(t *testing.T, port, file string) *exec.Cmd
}

func hl7Senders() []hl7Sender {
	node := func(library string) func(*testing.T, string, string) *exec.Cmd {
		return func(t *testing.T, port, file string) *exec.Cmd {
			return exec.CommandContext(t.Context(), "node", "hl7v2/send.mjs", library, port, file, hl7Cache(t))
		}
	}
	return []hl7Sender{
		{"python3-hl7", false, func(t *testing.T, port, file string) *exec.Cmd {
			return exec.CommandContext(t.Context(), needPythonHL7(t), "hl7v2/send.py", port, file)
		}},
		{"node-hl7-client", false, node("node-hl7-client")},
		{"simple-hl7", true, node("simple-hl7")},
	}
}

// hl7Said is what they print.
type hl7Said struct {
	Answers []struct{ Type, Code, Control, Raw string }
	Errors  []string
}

// oruOf is a result with a mode of acknowledgement in MSH-15 and MSH-16.
func oruOf(control, accept, application, value string) string {
	return "MSH|^~\\&|LIS|LAB|HALONG|BV1|20261122081500||ORU^R01^ORU_R01|" + control + "|P|2.5.1|||" + accept + "|" + application + "||UNICODE UTF-8\r" +
		"PID|1||PEER" + control + "^^^BV1^MR||Nguyễn^Ánh||19850102|F\rOBR|1||F" + control + "|CBC^Công thức máu^L\rOBX|1|NM|HGB^Hb^L||" + value + "|g/L|120-160||||F\r"
}

// TestHL7Senders: implementations by others send to us, in original and enhanced mode, one message after the other on one
// connection; what they understand of our answers is right, and what they sent is found.
func TestHL7Senders(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	_, port, _ := net.SplitHostPort(g.HL7)
	for _, s := range hl7Senders() {
		t.Run(s.name, func(t *testing.T) {
			id := func(n int) string { return strings.ToUpper(s.name[:1]) + fmt.Sprint(n) }
			messages := []string{
				oruOf(id(1), "", "", "140"), oruOf(id(2), "AL", "NE", "141"), oruOf(id(3), "NE", "AL", "142"),
				"MSH|^~\\&|HIS|BV1|HALONG|BV1|20261122081500||ORM^O01^ORM_O01|" + id(4) + "|P|2.5.1\rPID|1||PEER4^^^BV1^MR||Trần^Bình\rORC|NW|P" + id(4) + "\rOBR|1|P" + id(4) + "||CT^Chụp CT^L\r",
				oruOf(id(1), "", "", "140"), // again: the same answer
			}
			want := []string{"ACK^R01^ACK AA " + id(1), "ACK^R01^ACK CA " + id(2), "ACK^R01^ACK AA " + id(3), "ORR^O02^ORR_O02 AA " + id(4), "ACK^R01^ACK AA " + id(1)}
			if !s.single {
				messages = append(messages, oruOf(id(5), "AL", "AL", "143"))
				want = append(want, "ACK^R01^ACK CA "+id(5), "ACK^R01^ACK AA "+id(5))
			}
			said := hl7Run(t, s.command, port, messages)
			var got []string
			for _, a := range said.Answers {
				kind := strings.Split(strings.Split(a.Raw, "\r")[0], "|")[8] // what the library makes of it may be shorter
				got = append(got, kind+" "+a.Code+" "+a.Control)
			}
			if d := cmp.Diff(want, got); d != "" || len(said.Errors) > 0 {
				t.Errorf("%s\n%q", d, said.Errors)
			}
			for i, value := range []string{"140", "141", "142"} {
				if status, body := g.ask(t, "/api/patients/PEER"+id(i+1)+"/results", ""); status != 200 || !strings.Contains(string(body), value) || !strings.Contains(string(body), "Công thức máu") {
					t.Errorf("result %d: %d %s", i+1, status, body)
				}
			}
		})
	}
}

func hl7Run(t *testing.T, command func(*testing.T, string, string) *exec.Cmd, port string, messages []string) (said hl7Said) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "messages.json")
	b, err := json.Marshal(messages)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, port, file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &said)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return said
}

// TestHL7Receivers: our client sends to implementations by others, over one connection for all messages; each arrives once, as
// it was sent, and the answer is understood.
func TestHL7Receivers(t *testing.T) {
	for name, command := range map[string]func(t *testing.T) *exec.Cmd{
		"python3-hl7": func(t *testing.T) *exec.Cmd {
			return exec.CommandContext(t.Context(), needPythonHL7(t), "hl7v2/serve.py")
		},
		"simple-hl7": func(t *testing.T) *exec.Cmd {
			return exec.CommandContext(t.Context(), "node", "hl7v2/serve.mjs", hl7Cache(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			port, lines := hl7Listen(t, command(t))
			dialed := 0
			s := mllp.NewSender(mllp.SenderConfig{Dial: func(ctx context.Context) (net.Conn, error) {
				dialed++
				var d net.Dialer
				return d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
			}})
			defer s.Close()
			for n := range 20 {
				msg := oruOf(fmt.Sprint("S", n), "", "", "14.5")
				x, err := s.Send(t.Context(), []byte(msg))
				if err != nil || x.Application == nil || x.Application.Code != hl7v2.AA || !x.Positive() {
					t.Fatalf("message %d: %v, %+v", n, err, x)
				}
				var got struct{ Control, Raw string }
				if err := json.Unmarshal(lines(), &got); err != nil || got.Control != fmt.Sprint("S", n) || strings.Trim(got.Raw, "\x0b\x1c\r") != strings.Trim(msg, "\r") {
					t.Fatalf("message %d arrived as %q, %v", n, got, err)
				}
			}
			if dialed != 1 {
				t.Errorf("%d connections", dialed)
			}
		})
	}
}

// hl7Listen runs a receiver and gives its port, and the lines that it prints then, waited for.
func hl7Listen(t *testing.T, cmd *exec.Cmd) (port int, lines func() []byte) {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it ends only so
	said := make(chan []byte, 64)
	go func() {
		defer close(said)
		in := bufio.NewScanner(out)
		in.Buffer(nil, 16<<20)
		for in.Scan() {
			said <- append([]byte(nil), in.Bytes()...)
		}
	}()
	lines = func() []byte {
		select {
		case b := <-said:
			return b
		case <-time.After(time.Minute):
			t.Fatal("the receiver says nothing")
			return nil
		}
	}
	var first struct{ Port int }
	if err := json.Unmarshal(lines(), &first); err != nil || first.Port == 0 {
		t.Fatalf("%v, port %d", err, first.Port)
	}
	return first.Port, lines
}
