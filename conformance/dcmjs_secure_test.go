package conformance

import (
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
)

// TestDcmjsUserIdentity: User Identity Negotiation (PS3.7 D.3.3.7) by dcmjs-dimse with a positive response asked for.
func TestDcmjsUserIdentity(t *testing.T) {
	interop(t, peerDcmjs, "User Identity Negotiation", asSCP, "user name and passcode, positive response; refused with another")
	c := onLoopback(t.TempDir())
	c.DICOM.Identity = config.Identity{Required: true, Users: []config.User{{Name: "radiologist", Passcode: passcodeLine(t, "open sesame")}}}
	g := serve(t, c)
	with := func(passcode string) *dcmjsSaid {
		return dcmjsSCU(t, g.DICOM, jsonObject{"userIdentity": jsonObject{
			"type": 2, "positiveResponseRequested": true, "primaryField": "radiologist", "secondaryField": passcode,
		}}, jsonObject{"op": "echo"})
	}
	if s := with("open sesame"); s.final(0) != 0 || !s.Accepted.IdentityAnswered {
		t.Errorf("%+v %+v", s, s.Accepted)
	}
	if s := with("open barley"); s.Rejected == nil || s.final(0) != -1 {
		t.Errorf("%+v", s)
	}
}

// TestDcmjsTLS: dcmjs-dimse over TLS with a certificate, which node's OpenSSL checks and shows; without one it gets no answer.
func TestDcmjsTLS(t *testing.T) {
	interop(t, peerDcmjs, "DICOM over TLS", asSCP, "C-ECHO with mutual authentication; refused without a certificate")
	a := newAuthority(t)
	own := a.issue(t, "ct1.example")
	c := overTLS(t, a)
	c.DICOM.TLS.ClientCA = a.file
	g := serve(t, c)
	security := jsonObject{"ca": a.file, "rejectUnauthorized": true, "key": own.key, "cert": own.cert}
	if s := dcmjsSCU(t, g.DICOMTLS, jsonObject{"securityOptions": security}, jsonObject{"op": "echo"}); s.final(0) != 0 {
		t.Errorf("%+v", s)
	}
	delete(security, "key")
	delete(security, "cert")
	if s := dcmjsJob(t, g.DICOMTLS, jsonObject{"securityOptions": security}, jsonObject{"op": "echo"}); s.final(0) != -1 {
		t.Errorf("without a certificate: %+v", s)
	}
}
