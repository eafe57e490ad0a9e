package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/internal/scu"
)

// queryFlags say what is asked for.
type queryFlags struct {
	targetFlags
	Root       string   `help:"Information model: study or patient." enum:"study,patient" default:"study"`
	Level      string   `help:"patient, study, series or image." enum:"patient,study,series,image" default:"study"`
	Key        []string `name:"attribute" short:"k" sep:"none" help:"KEYWORD=VALUE or GGGGEEEE=VALUE; may be repeated." placeholder:"KEY"`
	Relational bool     `help:"Ask for relational queries: keys of the levels above may be left out."`
}

// returned are the attributes that answers have when none are asked for.
var returned = map[string][]string{
	"patient": {"PatientID", "PatientName", "PatientBirthDate", "PatientSex"},
	"study":   {"PatientID", "PatientName", "StudyDate", "ModalitiesInStudy", "AccessionNumber", "StudyDescription", "NumberOfStudyRelatedInstances", "StudyInstanceUID"},
	"series":  {"Modality", "SeriesNumber", "SeriesDescription", "NumberOfSeriesRelatedInstances", "SeriesInstanceUID"},
	"image":   {"InstanceNumber", "SOPClassUID", "SOPInstanceUID"},
}

// query gives the query, and the attributes that its keys name.
func (x *queryFlags) query(more []string) (q scu.Query, tags []dicom.Tag, err error) {
	q = scu.Query{PatientRoot: x.Root == "patient", Level: strings.ToUpper(x.Level), Keys: &dataset.Set{}, Relational: x.Relational}
	if x.Level == "patient" && !q.PatientRoot {
		return q, nil, usage{errors.New("level patient needs --root patient")}
	}
	for _, k := range append(more, x.Key...) {
		name, value, _ := strings.Cut(k, "=")
		e, ok := dicom.LookupKeyword(name)
		if n, err := strconv.ParseUint(name, 16, 32); !ok && err == nil && len(name) == 8 {
			e = dicom.Entry{Tag: dicom.Tag(n), VR: dicom.VROf(dicom.Tag(n))}
		} else if !ok {
			return q, nil, usage{fmt.Errorf("%q is no attribute", name)}
		}
		if q.Keys.Get(e.Tag) == nil {
			tags = append(tags, e.Tag)
		}
		if value == "" {
			q.Keys.Put(dataset.Element{Tag: e.Tag, VR: e.VR})
		} else {
			q.Keys.PutString(e.Tag, e.VR, value)
		}
	}
	return q, tags, nil
}

type findCmd struct {
	queryFlags
	Return   []string `short:"r" help:"Attributes to return instead of the usual ones." placeholder:"KEYWORD"`
	Fuzzy    bool     `help:"Ask for fuzzy matching of names."`
	DateTime bool     `name:"datetime" help:"Ask for dates and times to be matched together, as moments."`
	Timezone string   `help:"Ask for times in this zone: +HHMM or -HHMM." placeholder:"ZONE"`
	Limit    int      `help:"Cancel after this many answers."`
}

// Run sends a C-FIND and prints the answers.
func (x *findCmd) Run(e *env) error {
	t, err := x.target(e)
	if err != nil {
		return err
	}
	names := x.Return
	if len(names) == 0 {
		names = returned[x.Level]
	}
	q, tags, err := x.query(names)
	if err != nil {
		return err
	}
	q.Fuzzy, q.DateTime, q.Timezone, q.Limit = x.Fuzzy, x.DateTime, x.Timezone, x.Limit
	if x.Timezone != "" && !zone.MatchString(x.Timezone) {
		return usage{fmt.Errorf("--timezone %s: want +HHMM or -HHMM", x.Timezone)}
	}
	if x.JSON {
		_, err = scu.Find(e.ctx, t, q, func(s *dataset.Set) error {
			_, err := e.stdout.Write(append(dicomjson.AppendSet(nil, s, dicomjson.Options{}), '\n'))
			return err
		})
		return err
	}
	return x.table(e, t, q, tags)
}

// zone is the form of Timezone Offset From UTC (0008,0201).
var zone = regexp.MustCompile(`^[+-](0\d|1[0-4])[0-5]\d$`)

// flushEvery is how many lines of a table are aligned together.
const flushEvery = 500

func (x *findCmd) table(e *env, t scu.Target, q scu.Query, tags []dicom.Tag) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	lines := 0
	n, err := scu.Find(e.ctx, t, q, func(s *dataset.Set) error {
		if lines == 0 {
			head(w, tags)
		}
		for _, t := range tags {
			fmt.Fprint(w, printable(strings.Join(s.Strings(t), `\`)), "\t")
		}
		fmt.Fprintln(w)
		if lines++; lines%flushEvery == 0 {
			return w.Flush()
		}
		return nil
	})
	if err == nil && lines == 0 { // asked and answered: there is nothing
		head(w, tags)
	}
	if err := errors.Join(err, w.Flush()); err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "%d answers\n", n)
	return nil
}

// head writes the names of attributes.
func head(w io.Writer, tags []dicom.Tag) {
	for _, t := range tags {
		name := t.String()
		if d, ok := dicom.Lookup(t); ok {
			name = d.Keyword
		}
		fmt.Fprint(w, name, "\t")
	}
	fmt.Fprintln(w)
}

// printable keeps what a peer sends from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

type getCmd struct {
	queryFlags
	Out   string      `required:"" help:"Folder for the files; made if need be." type:"path" placeholder:"DIR"`
	Class []dicom.UID `help:"Storage SOP Classes to fetch (default: those the peer says there are)." placeholder:"UID"`
}

// Run sends a C-GET.
func (x *getCmd) Run(e *env) error {
	t, err := x.target(e)
	if err != nil {
		return err
	}
	q, _, err := x.query(nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(x.Out, 0o750); err != nil {
		return err
	}
	b := newBar(e, "get", -1, false)
	r, err := scu.Get(e.ctx, t, q, x.Class, x.Out, func(n scu.Counts) { b.set(int64(n.Completed + n.Failed + n.Warning)) })
	b.finish()
	return outcome(e, r, err, x.JSON)
}

type moveCmd struct {
	queryFlags
	To string `required:"" help:"AE title to send to; the peer must know it." placeholder:"AE"`
}

// Run sends a C-MOVE.
func (x *moveCmd) Run(e *env) error {
	t, err := x.target(e)
	if err != nil {
		return err
	}
	q, _, err := x.query(nil)
	if err != nil {
		return err
	}
	b := newBar(e, "move", -1, false)
	r, err := scu.Move(e.ctx, t, q, x.To, func(n scu.Counts) { b.set(int64(n.Completed + n.Failed + n.Warning)) })
	b.finish()
	return outcome(e, r, err, x.JSON)
}

// outcome prints how a retrieval ended.
func outcome(e *env, r scu.Retrieved, err error, asJSON bool) error {
	if errors.Is(err, scu.ErrNotAll) {
		err = incomplete{err.Error()}
	}
	if asJSON {
		line := struct {
			Status                     string
			Completed, Failed, Warning int
			FailedInstances            []dicom.UID `json:",omitempty"`
		}{r.Status.String(), r.Completed, r.Failed, r.Warning, r.Instances}
		return errors.Join(e.line(line), err)
	}
	if errors.Is(err, context.Canceled) { // what was not fetched did not fail
		e.printf("%d completed, %d with a warning, %d not retrieved\n", r.Completed, r.Warning, r.Failed+r.Remaining)
		return err
	}
	for _, u := range r.Instances {
		e.printf("%s: failed\n", printable(string(u)))
	}
	e.printf("%d completed, %d with a warning, %d failed\n", r.Completed, r.Warning, r.Failed)
	return err
}
