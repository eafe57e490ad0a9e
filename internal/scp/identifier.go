package scp

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
)

const (
	maxIdentifier = 1 << 20 // bytes of a request's identifier, which is taken into memory
	maxKeys       = 1000    // attributes in it
)

// refused is a request that is answered with a failure.
type refused struct {
	status  dimse.Status
	comment string // no values of the peer's
	tag     dicom.Tag
}

// Error gives status and reason.
func (r *refused) Error() string { return r.status.String() + ": " + r.comment }

func mismatch(t dicom.Tag, why string) error {
	return &refused{dimse.IdentifierDoesNotMatch, why, t}
}

// identifier is what a C-FIND, C-MOVE or C-GET asks for.
type identifier struct {
	model      *model
	level      queryLevel
	set        *dataset.Set // text in UTF-8
	charset    []string     // Specific Character Set as it was sent
	syntax     *dicom.TransferSyntax
	relational bool
	empty      bool // empty value matching was negotiated
	multiple   bool // multiple value matching was negotiated
	rules      query.Rules
	keys       []query.Key // that restrict, by what the index keeps
	headKeys   []query.Key // that restrict, by what objects alone have
	wanted     []wanted    // attributes to return, sorted
	ignored    bool        // there was a key that nothing is matched by
}

// wanted is an attribute of answers.
type wanted struct {
	tag   dicom.Tag
	vr    dicom.VR
	items *dataset.Set // what is wanted of the items of a sequence; nil for all
}

// readIdentifier reads the identifier of a request; the error is a *refused.
func readIdentifier(rq *dimse.Request, m *model) (*identifier, error) {
	x, err := parseIdentifier(rq)
	if err != nil {
		return nil, err
	}
	x.model = m
	var ok bool
	if x.level, ok = m.level(x.set.String(tag.QueryRetrieveLevel)); !ok {
		return nil, mismatch(tag.QueryRetrieveLevel, "level is not one of the information model")
	}
	x.negotiated(rq)
	return x, x.zone()
}

// parseIdentifier reads what every information model has.
func parseIdentifier(rq *dimse.Request) (*identifier, error) {
	if rq.Data == nil {
		return nil, mismatch(0, "no identifier")
	}
	b, err := io.ReadAll(io.LimitReader(rq.Data, maxIdentifier+1))
	if err != nil {
		return nil, &refused{dimse.UnableToProcess, "identifier was cut off", 0}
	}
	if len(b) > maxIdentifier {
		return nil, &refused{dimse.OutOfResources, "identifier is too long", 0}
	}
	ts, ok := dicom.LookupTransferSyntax(rq.Context.TransferSyntax)
	if !ok {
		return nil, &refused{dimse.UnableToProcess, "unknown transfer syntax", 0}
	}
	x := &identifier{syntax: ts}
	if x.set, err = dataset.Parse(b, ts, dataset.Limits{Elements: maxKeys}); err != nil {
		r := &refused{dimse.UnableToProcess, comment(strings.TrimPrefix(err.Error(), "dataset: ")), 0}
		var syntax *dataset.SyntaxError
		if errors.As(err, &syntax) {
			r.tag = syntax.Tag
		}
		return nil, r
	}
	x.charset = x.set.Strings(tag.SpecificCharacterSet)
	x.set.DecodeUTF8()
	return x, nil
}

// negotiated takes over what the peer asked for in SOP Class Extended Negotiation (PS3.4 C.5.1.1); all of it was granted.
func (x *identifier) negotiated(rq *dimse.Request) {
	x.rules.Separate = true
	for _, e := range rq.Association.Peer().Extended {
		if e.SOPClass == rq.Context.AbstractSyntax {
			x.relational = set(e.Application, extRelational)
			x.rules.Separate = !set(e.Application, extDateTime)
			x.rules.Fuzzy = set(e.Application, extFuzzy)
			x.empty, x.multiple = set(e.Application, extEmpty), set(e.Application, extMultiple)
		}
	}
}

// zone takes over the Timezone Offset From UTC of the identifier, whether its use was negotiated or not: PS3.4
// C.2.2.2.5.4 leaves that free, and its dates and times mean nothing else.
func (x *identifier) zone() error {
	z := x.set.String(tag.TimezoneOffsetFromUTC)
	if z == "" {
		return nil
	}
	if _, ok := query.ParseOffset(z); !ok {
		return mismatch(tag.TimezoneOffsetFromUTC, "not an offset from UTC")
	}
	x.rules.Zone = z
	return nil
}

func set(b []byte, i int) bool { return i < len(b) && b[i] == 1 }

// above checks the hierarchical rule: without relational queries the unique keys of the levels above must be there
// with a single value (PS3.4 C.4.1.2.1, C.4.2.2.1).
func (x *identifier) above() error {
	if x.relational {
		return nil
	}
	for l := x.model.first; l < x.level; l++ {
		if err := x.single(uniqueKeys[l]); err != nil {
			return err
		}
	}
	return nil
}

func (x *identifier) single(t dicom.Tag) error {
	v := x.set.Strings(t)
	if len(v) != 1 || v[0] == "" || strings.ContainsAny(v[0], "*?") {
		return mismatch(t, "a single value is needed; relational queries were not negotiated")
	}
	return nil
}

// about tells whether an element says something of the identifier or the answer itself.
func about(t dicom.Tag) bool {
	switch t {
	case tag.QueryRetrieveLevel, tag.SpecificCharacterSet, tag.RetrieveAETitle, tag.InstanceAvailability:
		return true
	}
	return t.Element() == 0
}

// take sorts the elements into keys and wanted attributes.
func (x *identifier) take() error {
	for i := range x.set.Elements {
		e := &x.set.Elements[i]
		if about(e.Tag) {
			continue
		}
		vr := e.VR
		if known := dicom.VROf(e.Tag); known != dicom.UN && !e.Tag.IsPrivate() && (known == dicom.SQ) == (vr == dicom.SQ) {
			vr = known
		}
		w := wanted{tag: e.Tag, vr: vr}
		var keys []query.Key
		var err error
		switch {
		case e.Tag == tag.TimezoneOffsetFromUTC: // says what other keys mean
		case vr == dicom.SQ:
			if len(e.Items) > 0 && len(e.Items[0].Elements) > 0 {
				w.items = e.Items[0]
			}
			keys, err = x.sequenceKeys(nil, e)
		default:
			keys, err = x.appendKey(nil, []dicom.Tag{e.Tag}, vr, x.set, e)
		}
		if err != nil {
			return err
		}
		x.wanted = append(x.wanted, w)
		if len(keys) > 0 {
			x.sort(e.Tag, keys)
		}
	}
	return nil
}

// sort puts keys of an attribute where it can be matched: in the index, in objects, or nowhere.
func (x *identifier) sort(t dicom.Tag, keys []query.Key) {
	level, kept := levelOf(t)
	switch {
	case x.model == nil: // the worklist's
		known := slices.DeleteFunc(keys, func(k query.Key) bool { return !supportsPath(k.Path) })
		x.ignored = x.ignored || len(known) < len(keys)
		x.keys = append(x.keys, known...)
	case kept && !(level == patientLevel && t.Group() == 0x0020):
		x.keys = append(x.keys, keys...)
	case !kept && inHeads(x.level, t):
		x.headKeys = append(x.headKeys, keys...)
	default:
		x.ignored = true
	}
}

// sequenceKeys gives the keys inside the one item of a sequence (PS3.4 C.2.2.2.6).
func (x *identifier) sequenceKeys(path []dicom.Tag, e *dataset.Element) (keys []query.Key, err error) {
	if len(e.Items) == 0 {
		return nil, nil
	}
	if len(e.Items) > 1 || len(path) > 8 {
		return nil, mismatch(e.Tag, "a sequence key must have one item")
	}
	path = append(slices.Clone(path), e.Tag)
	for i := range e.Items[0].Elements {
		in := &e.Items[0].Elements[i]
		var more []query.Key
		if in.VR == dicom.SQ {
			more, err = x.sequenceKeys(path, in)
		} else {
			more, err = x.appendKey(nil, append(slices.Clone(path), in.Tag), in.VR, e.Items[0], in)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, more...)
	}
	return keys, nil
}

// appendKey adds a key unless it matches anything.
func (x *identifier) appendKey(keys []query.Key, path []dicom.Tag, vr dicom.VR, s *dataset.Set, e *dataset.Element) ([]query.Key, error) {
	raw := string(e.Value)
	switch vr {
	case dicom.US, dicom.SS, dicom.UL, dicom.SL, dicom.UV, dicom.SV, dicom.FL, dicom.FD, dicom.AT:
		raw = strings.Join(s.Strings(e.Tag), `\`)
	case dicom.OB, dicom.OW, dicom.OF, dicom.OD, dicom.OL, dicom.OV, dicom.UN:
		return keys, nil // cannot be matched by (PS3.4 C.2.2.2)
	}
	switch {
	case strings.Trim(raw, "* \x00") == "":
		return keys, nil
	case x.empty && strings.Trim(raw, " \x00") == query.EmptyValue:
		return append(keys, query.Key{Path: path, VR: vr, Empty: true}), nil
	}
	k, err := query.Parse(path, vr, raw)
	if err != nil && vr == dicom.UI { // UIDs that break PS3.5 9.1 are let through: objects bear them
		k, err = query.Key{Path: path, VR: vr, Values: values(raw)}, nil
	}
	if err != nil {
		return nil, mismatch(e.Tag, "value does not fit its value representation")
	}
	if k.Kind() == query.Universal {
		return keys, nil
	}
	k.Every = x.multiple && query.Enumerates(e.Tag, vr)
	return append(keys, k), nil
}

func values(raw string) (list []string) {
	for v := range strings.SplitSeq(raw, `\`) {
		if v = strings.Trim(v, " \x00"); v != "" {
			list = append(list, v)
		}
	}
	return list
}
