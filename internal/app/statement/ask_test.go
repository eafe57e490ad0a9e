package statement

import (
	"context"
	"net"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// TestOverhear: what is asked for is heard as it is sent, and what is no A-ASSOCIATE-RQ is not.
func TestOverhear(t *testing.T) {
	heard := Overhear(func(dial func(context.Context, string, string) (net.Conn, error)) {
		_, err := dimse.Dial(t.Context(), "", dimse.Options{CallingAE: "A", CalledAE: "B", Dial: dial, Contexts: []pdu.ProposedContext{
			{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}},
		}})
		if err == nil {
			t.Error("somebody accepted")
		}
		for _, other := range []string{"GET / HTTP/1.0\r\n\r\n", "\x01\x00\xff\xff\xff\xff", "\x01\x00\x00\x00\x00\x02ab", ""} {
			c, err := dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write([]byte(other)) // the other end may hang up before the last byte
			_ = c.Close()
		}
	})
	if len(heard) != 1 || heard[0].CallingAE != "A" || len(heard[0].Contexts) != 1 || heard[0].Contexts[0].AbstractSyntax != dicom.VerificationSOPClass {
		t.Errorf("%+v", heard)
	}
}
