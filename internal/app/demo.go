package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/sample"
)

// SendSample sends an invented patient to a running gateway, as a modality and
// a laboratory would: objects over one Association for each series, messages over MLLP.
// tell is called for each step.
func SendSample(ctx context.Context, to Addresses, ae string, p *sample.Patient, tell func(string)) error {
	objects := p.Objects()
	for len(objects) > 0 {
		n := 1
		for n < len(objects) && objects[n].Series == objects[0].Series {
			n++
		}
		if err := sendSeries(ctx, to.DICOM, ae, objects[:n]); err != nil {
			return fmt.Errorf("C-STORE of %s: %w", objects[0].What, err)
		}
		tell(fmt.Sprintf("C-STORE  %2d x %s", n, objects[0].What))
		objects = objects[n:]
	}
	return sendMessages(ctx, to.HL7, p.Messages(), tell)
}

func sendSeries(ctx context.Context, address, ae string, objects []sample.Object) (err error) {
	first := &objects[0]
	a, err := dimse.Dial(ctx, address, dimse.Options{
		CallingAE: "SAMPLE", CalledAE: ae,
		Contexts: []pdu.ProposedContext{{AbstractSyntax: first.SOPClass, TransferSyntaxes: []dicom.UID{first.TransferSyntax}}},
	})
	if err != nil {
		return err
	}
	for i := range objects {
		o := &objects[i]
		if _, err := a.Store(ctx, o.SOPClass, o.SOPInstance, o.TransferSyntax, bytes.NewReader(o.DataSet)); err != nil {
			return errors.Join(err, a.Abort())
		}
	}
	return a.Release()
}

func sendMessages(ctx context.Context, address string, messages [][]byte, tell func(string)) (err error) {
	c, err := mllp.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, m := range messages {
		answer, err := c.Send(ctx, m)
		if err != nil {
			return fmt.Errorf("MLLP: %w", err)
		}
		if !strings.Contains(string(answer), "\rMSA|AA|") {
			return fmt.Errorf("MLLP: the message was answered %q", answer)
		}
		tell("MLLP     ORU^R01, answered AA")
	}
	return nil
}
