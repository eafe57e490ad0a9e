package statement

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

// page is what is being written.
type page struct {
	bytes.Buffer
	f *Facts
}

// Write writes the statement as Markdown, in the outline of PS3.2 annex A.
func Write(w io.Writer, f *Facts) error {
	p := &page{f: f}
	p.overview()
	p.contents()
	p.introduction()
	p.networking()
	p.entity()
	p.acceptance()
	p.services()
	p.procedures()
	p.initiation()
	p.rest()
	p.annexes()
	_, err := w.Write(p.Bytes())
	return err
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// text writes a paragraph.
func (p *page) text(s string) { p.line("%s\n", strings.TrimSpace(s)) }

// table writes a table; the first row is its head.
func (p *page) table(rows ...[]string) {
	for i, r := range rows {
		p.line("| %s |", strings.Join(r, " | "))
		if i == 0 {
			p.line("|%s", strings.Repeat(" --- |", len(r)))
		}
	}
	p.line("")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// overview is PS3.2 A.1.
func (p *page) overview() {
	p.text(`
# DICOM conformance statement

Written by ` + "`halong conformance`" + ` from the registry that answers negotiation and from the requests that Halong itself makes. The page
in the repository is that of the default configuration; a test says when it is not current. The outline is that of PS3.2 annex A.

## 1 Overview

Halong is an archive and gateway. It takes composite objects as they are and keeps every byte, answers queries, gives objects back by C-GET, C-MOVE
and forwarding, and commits to the storage of what it has read back.`)
	exact, storage := p.f.served()
	rows := [][]string{{"SOP Classes", "User of the service (SCU)", "Provider of the service (SCP)"}}
	for _, s := range exact {
		rows = append(rows, []string{s.class.Name, yes(p.f.asks(s.class.UID)), "yes"})
	}
	for _, kind := range []struct {
		name    string
		retired bool
	}{{"Storage: %d SOP Classes of PS3.6 (annex 8.1)", false}, {"Storage: %d retired SOP Classes (annex 8.1)", true}} {
		n := 0
		for _, s := range storage {
			if s.class.Retired == kind.retired {
				n++
			}
		}
		rows = append(rows, []string{fmt.Sprintf(kind.name, n), "yes", "yes"})
	}
	unknown := p.f.Mux.Lookup("2.25.1") != nil
	rows = append(rows, []string{"Storage: private SOP Classes, and those of later editions of the standard", yes(unknown), yes(unknown)})
	p.table(rows...)
	p.text("Media interchange: Halong reads DICOM media and files (`halong import`) and writes files (`halong export`); see section 5. DICOMweb is section 4.5.")
}

// contents is PS3.2 A.2.
func (p *page) contents() {
	p.text(`
## 2 Table of contents

1. Overview
2. Table of contents
3. Introduction
4. Networking: 4.1 implementation model, 4.2 Application Entity (general, acceptance, Verification, Storage, Query, Retrieval, Storage Commitment, Modality Worklist, Modality Performed Procedure Step, initiation), 4.3 network interfaces, 4.4 configuration, 4.5 web services
5. Media interchange
6. Character sets
7. Security
8. Annexes: 8.1 Storage SOP Classes, 8.2 Transfer Syntaxes`)
}

// introduction is PS3.2 A.3.
func (p *page) introduction() {
	p.text(`
## 3 Introduction

For those who connect systems to Halong. This statement is to be read together with the DICOM standard; conformance to it does not by itself
mean that two systems work together. What works with which implementations by others is in [interop.md](interop.md), each row from a test.

Terms are those of the standard: AE (Application Entity), SCU, SCP, SOP Class, Association, Presentation Context, Transfer Syntax.`)
}

// networking is PS3.2 A.4.1.
func (p *page) networking() {
	p.text(`
## 4 Networking

### 4.1 Implementation model

One Application Entity serves all SOP Classes below, and is the one that our own requests come from. It may have a further AE title for each
facility. It waits for Associations; C-MOVE requests, Storage Commitment, forwarding rules and commands make it ask for Associations.

| real-world activity | what the AE does |
| --- | --- |
| somebody sends objects | stores them; answers when they are durable and can be queried |
| somebody queries | answers from the index, and from the objects' heads for what is not indexed |
| somebody retrieves by C-GET | sends on the same Association |
| somebody retrieves by C-MOVE | sends to a configured destination on an Association of its own, which it keeps for the next ones |
| somebody asks for commitment | reads the bytes back and compares their digests, then reports, on the same Association or a new one |
| a modality asks for its worklist | answers what is ordered and not done |
| a modality tells what it performs | keeps it, brings the order in step, forwards it to the destinations that are configured |
| a rule says so | forwards to destinations |
| an operator says so | ` + "`halong echo, send, find, move, get, commit`" + ` |`)
}

// contextList names Transfer Syntaxes.
func contextList(list []dicom.UID) string {
	var names []string
	for _, u := range list {
		name := string(u)
		if ts, ok := dicom.LookupTransferSyntax(u); ok {
			name = ts.Name
		}
		names = append(names, name)
	}
	return strings.Join(slices.Compact(names), ", ")
}
