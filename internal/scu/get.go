package scu

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// groups are the transfer syntaxes proposed together: of each context a peer takes one, so that what is stored
// uncompressed and what is stored in one of the families has a context that fits.
var groups = [][]dicom.UID{
	native,
	{"1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}, // JPEG
	{"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"},                                                     // JPEG-LS
	{"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"},                                                     // JPEG 2000
}

// CommonClasses are the Storage SOP Classes that Get asks for when it is not told which.
var CommonClasses = []dicom.UID{
	"1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.2",
	"1.2.840.10008.5.1.4.1.1.1.3", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.3.1",
	"1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7",
	"1.2.840.10008.5.1.4.1.1.7.2", "1.2.840.10008.5.1.4.1.1.7.4", "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.12.1",
	"1.2.840.10008.5.1.4.1.1.12.2", "1.2.840.10008.5.1.4.1.1.13.1.3", "1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.66",
	"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.88.22",
	"1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.104.1",
	"1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.481.2", "1.2.840.10008.5.1.4.1.1.481.3",
}

// Get sends a C-GET and writes what comes as Part 10 files, named by SOP Instance UID, into a folder that exists. At most 31
// Storage SOP Classes can be asked for; none stands for CommonClasses.
func Get(ctx context.Context, t Target, q Query, classes []dicom.UID, dir string, progress func(Counts)) (Retrieved, error) {
	if len(classes) == 0 {
		classes = CommonClasses
	}
	if len(classes)*len(groups) >= pdu.MaxContexts {
		return Retrieved{}, errors.New("too many SOP classes for one association")
	}
	o := dimse.Options{Mux: &dimse.Mux{}}
	for _, c := range classes {
		for _, g := range groups {
			o.Contexts = append(o.Contexts, pdu.ProposedContext{AbstractSyntax: c, TransferSyntaxes: g})
		}
		o.User.Roles = append(o.User.Roles, pdu.RoleSelection{SOPClass: c, SCP: true})
		o.Mux.Handle(c, dimse.Offer{Service: &receiver{dir}})
	}
	rq := &dimse.Command{Field: dimse.CGetRQ, AffectedSOPClass: q.class("3")}
	resp, ts, err := t.ask(ctx, &q, rq, o, tell(progress))
	if err != nil {
		return Retrieved{}, err
	}
	return conclude(resp, ts)
}

// receiver writes objects into files.
type receiver struct{ dir string }

// Serve implements dimse.Service.
func (r *receiver) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	c := rq.Command
	if c.Field != dimse.CStoreRQ || rq.Data == nil || !c.AffectedSOPInstance.Valid() { // it becomes a file's name
		return dimse.Answer(dimse.CannotUnderstand)
	}
	if err := r.write(rq); err != nil {
		return dimse.Answer(dimse.OutOfResources)
	}
	return dimse.Answer(dimse.Success)
}

// write writes beside and renames, so that a file that is there is whole.
func (r *receiver) write(rq *dimse.Request) (err error) {
	c := rq.Command
	f, err := os.CreateTemp(r.dir, ".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(dataset.AppendFileHeader(nil, c.AffectedSOPClass, c.AffectedSOPInstance, rq.Context.TransferSyntax, rq.Association.CalledAE()))
	if err == nil {
		_, err = rq.Data.WriteTo(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(r.dir, string(c.AffectedSOPInstance)+".dcm"))
}
