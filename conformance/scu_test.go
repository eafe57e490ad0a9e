package conformance

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
)

// dcmqrscp starts DCMTK's archive with the files in it. It moves to the Application Entity STORE at a port of this machine.
func dcmqrscp(t *testing.T, storePort string, files []string) (address string) {
	t.Helper()
	needTool(t, "storescu")
	address, _ = emptyDcmqrscp(t, storePort)
	host, port, _ := net.SplitHostPort(address)
	tool(t, "storescu", append([]string{"-aec", "QR", host, port}, files...)...)
	return address
}

// emptyDcmqrscp starts DCMTK's archive, which keeps its files in the folder db.
func emptyDcmqrscp(t *testing.T, storePort string) (address, db string) {
	t.Helper()
	dir := t.TempDir()
	db = filepath.Join(dir, "db")
	if err := os.Mkdir(db, 0o700); err != nil {
		t.Fatal(err)
	}
	address = listening(t, "dcmqrscp", func(port string) []string {
		text := fmt.Sprintf(`NetworkTCPPort = %s
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
store = (STORE, localhost, %s)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
QR %s RW (500, 4096mb) ANY
AETable END
`, port, storePort, db)
		name := filepath.Join(dir, "dcmqrscp.cfg")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"-c", name}
	})
	return address, db
}

// TestQueryCommands: halong find, get and move against our own SCP and DCMTK's.
func TestQueryCommands(t *testing.T) {
	in := t.TempDir()
	store := listening(t, "storescp", func(port string) []string { return []string{"+xa", "+B", "-od", in, port} })
	_, storePort, _ := net.SplitHostPort(store)
	dir, objects := sampleFiles(t, 2)
	study := objects[0].Study
	files := ofStudy(t, dir, objects, study)
	c := onLoopback(t.TempDir())
	c.DICOM.Destinations = []config.Destination{{AE: "STORE", Address: store}}
	g := serve(t, c)
	sendFiles(t, g.DICOM, files...)
	for name, address := range map[string]string{"HALONG": g.DICOM, "QR": dcmqrscp(t, storePort, files)} {
		t.Run(name, func(t *testing.T) {
			if name == "QR" {
				for _, service := range []string{"find", "get", "move"} {
					interop(t, peerDCMTK, "C-"+strings.ToUpper(service), asSCU, "halong "+service+" to dcmqrscp")
				}
			}
			key := []string{address, "--call", name, "-k", "StudyInstanceUID=" + string(study)}
			if out := run(t, append([]string{"find"}, key...)...); !strings.Contains(out, "BN000123") || !strings.Contains(out, "1 answers") {
				t.Errorf("find:\n%s", out)
			}
			out := run(t, append([]string{"find", "--json", "--level", "image", "-k", "SeriesInstanceUID=" + string(objects[0].Series)}, key...)...)
			if n := strings.Count(out, `"00080018"`); n != 2 {
				t.Errorf("find --json: %d instances\n%s", n, out)
			}
			got := t.TempDir()
			out = run(t, append([]string{"get", "--out", got}, key...)...)
			same(t, "get: "+out, sums(t, list(t, got)), sums(t, files))
			before := len(list(t, in))
			out = run(t, append([]string{"move", "--json", "--to", "STORE"}, key...)...)
			if !strings.Contains(out, fmt.Sprintf(`"Completed":%d,"Failed":0`, len(files))) {
				t.Errorf("move:\n%s", out)
			}
			if before == 0 && len(list(t, in)) != len(files) {
				t.Errorf("%d files arrived", len(list(t, in)))
			}
			if out, err := exec.Command(program(t), append([]string{"move", "--to", "NOWHERE"}, key...)...).CombinedOutput(); err == nil || !strings.Contains(string(out), "A801") {
				t.Errorf("unknown destination: %v\n%s", err, out)
			}
		})
	}
	if out := run(t, "find", g.DICOM, "--level", "image", "--relational", "--limit", "1"); !strings.Contains(out, "1 answers") {
		t.Errorf("--limit:\n%s", out)
	}
}
