package statement

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
)

// rest is PS3.2 A.4.3 to A.7.
func (p *page) rest() {
	f := p.f
	p.text(fmt.Sprintf(`
### 4.3 Network interfaces

TCP/IP, version 4 and 6, over whatever the operating system has; DICOM over TLS on a port of its own (section 7). No other protocols.

### 4.4 Configuration

AE titles and presentation addresses are in the configuration file: ours is %s at port %s (`+"`ae`, `dicom.listen`, `facilities`"+`), those of others are in `+"`dicom.peers` and `dicom.destinations`"+`.
Every key is explained in [operations.md](operations.md).
`, f.AE, f.Port))
	p.web()
	p.text(`
## 5 Media interchange

As File-set Reader (` + "`halong import`" + `) Halong reads DICOM media with a DICOMDIR, folders, zip files and single files, whatever their application profile; as File-set Creator
(` + "`halong export`" + `) it writes files (PS3.10) without a DICOMDIR. Preamble, File Meta Information and what follows the Data Set are kept as they came.

## 6 Character sets

Text is kept in the bytes it came in. For queries, DICOMweb and display it is read in any of these, alone or with code extensions:`)
	p.text(strings.Join(charset.Terms(), ", ") + ".")
	p.text(`
Text without a Specific Character Set that is valid UTF-8 is read as that. Requests of our own are in ISO_IR 6, or ISO_IR 192 where they need it.

## 7 Security

DICOM over TLS (` + "`dicom.tls`" + `) by the BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15 B.12), as acceptor and as requestor, with or without certificates on both sides;
certificates are read again when they change. Without TLS the basic profile.`)
	var suites []string
	for _, id := range f.TLS.CipherSuites {
		suites = append(suites, tls.CipherSuiteName(id))
	}
	p.table(
		[]string{"", ""},
		[]string{"lowest version", tls.VersionName(f.TLS.MinVersion)},
		[]string{"cipher suites of TLS 1.2", strings.Join(suites, "<br>")},
		[]string{"renegotiation, compression, early data", "none"},
	)
	p.text(`
Who may associate: AE title, address and certificate (` + "`dicom.peers`" + `), and user (` + "`dicom.identity`" + `). More is in [security.md](security.md).`)
}

// annexes are PS3.2 A.8, and what the sections above point to.
func (p *page) annexes() {
	exact, storage := p.f.served()
	p.text(`
## 8 Annexes

Halong makes no objects of its own on the network, has no private data elements, and no specialized or private SOP Classes. It keeps those of others.

### 8.1 Storage SOP Classes`)
	rows := [][]string{{"SOP Class", "UID", "retired"}}
	for _, s := range storage {
		retired := ""
		if s.class.Retired {
			retired = "retired"
		}
		rows = append(rows, []string{s.class.Name, string(s.class.UID), retired})
	}
	p.table(rows...)
	p.text("### 8.2 Transfer Syntaxes")
	rows = [][]string{{"Transfer Syntax", "UID", "Storage", "other SOP Classes"}}
	for _, ts := range dicom.TransferSyntaxes() {
		takes := func(list []service) bool { return len(list) > 0 && list[0].offer.Accepts(ts.UID) }
		if takes(storage) || takes(exact) {
			rows = append(rows, []string{ts.Name, string(ts.UID), yes(takes(storage)), yes(takes(exact))})
		}
	}
	p.table(rows...)
}
