package conformance

import (
	"net/http"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
)

// TestOrthancOverTLS: everything between Halong and Orthanc over TLS with certificates on both sides: C-STORE and Storage Commitment,
// whose report comes back on a connection of ours, and C-GET and C-MOVE by our commands.
func TestOrthancOverTLS(t *testing.T) {
	interop(t, peerOrthanc, "DICOM over TLS", asSCP, "C-STORE and Storage Commitment with mutual authentication")
	interop(t, peerOrthanc, "DICOM over TLS", asSCU, "N-EVENT-REPORT; halong echo, get and move with mutual authentication; refused without a certificate")
	a := newAuthority(t)
	theirs, ours := a.issue(t, "orthanc"), a.issue(t, "gateway")
	o := startOrthanc(t, orthancOptions{
		"DicomTlsEnabled": true, "DicomTlsCertificate": theirs.cert, "DicomTlsPrivateKey": theirs.key, "DicomTlsTrustedCertificates": a.file,
		"DicomTlsRemoteCertificateRequired": true,
	})
	c := overTLS(t, a)
	c.DICOM.TLS.ClientCA = a.file
	c.DICOM.Destinations = []config.Destination{{AE: o.AE, Address: o.DICOM, TLS: true, CA: a.file, Cert: ours.cert, Key: ours.key}}
	g := serve(t, c)
	o.knows(t, "halong", "HALONG", g.DICOMTLS, orthancOptions{"UseDicomTls": true})
	dir, objects := sampleFiles(t, 2)
	o.take(t, list(t, dir)...)
	want := o.sums(t)
	study := objects[0].Study

	var sent struct{ InstancesCount, FailedInstancesCount int }
	o.call(t, http.MethodPost, "/modalities/halong/store", orthancOptions{"Resources": o.instances(t), "Synchronous": true}, &sent)
	if sent.InstancesCount != len(objects) || sent.FailedInstancesCount != 0 {
		t.Fatalf("%+v of %d", sent, len(objects))
	}
	same(t, "stored", kept(t, g, list(t, dir)), want)
	var asked struct{ ID string }
	o.call(t, http.MethodPost, "/modalities/halong/storage-commitment", orthancOptions{"Resources": o.instances(t)}, &asked)
	eventually(t, "the commitment report", func() bool {
		var report struct{ Status string }
		o.call(t, http.MethodGet, "/storage-commitment/"+asked.ID, nil, &report)
		return report.Status == "Success"
	})
	secure := []string{o.DICOM, "--call", o.AE, "--tls", "--ca", a.file, "--cert", ours.cert, "--key", ours.key}
	run(t, append([]string{"echo"}, secure...)...)
	if code, out := runCode(t, program(t), "echo", o.DICOM, "--call", o.AE, "--tls", "--ca", a.file); code == 0 {
		t.Errorf("without a certificate:\n%s", out)
	}
	got := t.TempDir()
	run(t, append([]string{"get", "--out", got, "-k", "StudyInstanceUID=" + string(study)}, secure...)...)
	same(t, "get", sums(t, list(t, got)), sums(t, ofStudy(t, dir, objects, study)))
	other := serve(t, func() *config.Config {
		c := overTLS(t, a)
		c.DICOM.TLS.ClientCA = a.file
		return c
	}())
	o.knows(t, "other", "OTHER", other.DICOMTLS, orthancOptions{"UseDicomTls": true})
	run(t, append([]string{"move", "--to", "OTHER", "-k", "StudyInstanceUID=" + string(study)}, secure...)...)
	same(t, "moved", storedDigests(t, other, string(study)), sums(t, ofStudy(t, dir, objects, study)))
}
