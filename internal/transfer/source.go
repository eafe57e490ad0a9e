package transfer

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// file is something that may hold an object.
type file struct {
	name   string // as the operator would find it again; never stored
	media  string // upper-case path with slashes below the folder or zip file, for File IDs of a DICOMDIR
	size   int64
	always bool // named by the operator or by a DICOMDIR: stored whatever it looks like
	open   func() (io.ReadCloser, error)
}

// volume is a folder, a zip file, or a single file.
type volume struct {
	files    []file
	notes    []Note
	closeAll func() error
}

func (v *volume) note(name string, what Result, err error) {
	v.notes = append(v.notes, Note{Name: name, Result: what, Err: err})
}

// volumes gives what one path of the command line stands for: itself, and zip
// files inside a folder. A file called DICOMDIR stands for the medium that it is the directory of.
func volumes(root string) (out []*volume, err error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Base(root), "DICOMDIR") && !info.IsDir() {
		return volumes(filepath.Dir(root))
	}
	if !info.IsDir() {
		v, err := single(root, info.Size())
		return []*volume{v}, err
	}
	v := &volume{closeAll: func() error { return nil }}
	out = []*volume{v}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			v.note(name, Failed, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		info, err := os.Stat(name) // follows symbolic links
		if err != nil {
			v.note(name, Failed, err)
			return nil
		}
		if !info.Mode().IsRegular() {
			v.note(name, Skipped, errors.New("neither a file nor a folder of its own"))
			return nil
		}
		if z, err := openZip(name); z != nil || err != nil {
			if err != nil {
				v.note(name, Failed, err)
				return nil
			}
			out = append(out, z)
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		v.files = append(v.files, osFile(name, rel, info.Size()))
		return nil
	})
	return out, err
}

func osFile(name, rel string, size int64) file {
	return file{
		name: name, media: mediaPath(filepath.ToSlash(rel)), size: size,
		open: func() (io.ReadCloser, error) { return os.Open(name) },
	}
}

func single(name string, size int64) (*volume, error) {
	if z, err := openZip(name); z != nil || err != nil {
		return z, err
	}
	f := osFile(name, filepath.Base(name), size)
	f.always = true
	return &volume{files: []file{f}, closeAll: func() error { return nil }}, nil
}

// openZip opens a zip file; nil when it is none.
func openZip(name string) (*volume, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	if err := f.Close(); err != nil {
		return nil, err
	}
	if err != nil || !bytes.Equal(magic[:], []byte("PK\x03\x04")) {
		return nil, nil
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	v := &volume{closeAll: z.Close}
	for _, e := range z.File {
		if e.FileInfo().IsDir() {
			continue
		}
		at := name + "!" + e.Name
		if e.Flags&1 != 0 {
			v.note(at, Failed, errors.New("encrypted"))
			continue
		}
		size := int64(min(e.UncompressedSize64, 1<<62))
		v.files = append(v.files, file{name: at, media: mediaPath(e.Name), size: size, open: e.Open})
	}
	return v, nil
}

// mediaPath writes a path as File IDs are compared: upper case, slashes, no
// ISO 9660 version number or trailing dot.
func mediaPath(p string) string {
	p = strings.ToUpper(strings.ReplaceAll(p, `\`, "/"))
	p, _, _ = strings.Cut(p, ";")
	return strings.TrimSuffix(strings.TrimPrefix(p, "./"), ".")
}

// peeked is an opened file whose beginning was looked at.
type peeked struct {
	*bufio.Reader
	io.Closer
}

const sniffLength = 132 + 12

func (f *file) peek() (*peeked, []byte, error) {
	r, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	p := &peeked{bufio.NewReaderSize(r, 64<<10), r}
	head, err := p.Peek(sniffLength)
	if err != nil && err != io.EOF {
		return nil, nil, errors.Join(err, r.Close())
	}
	return p, head, nil
}

// worth tells whether a file of a folder is to be stored. What calls itself
// DICOM is, whatever it holds.
func (f *file) worth(head []byte) bool {
	switch path.Ext(f.media) {
	case ".DCM", ".DICOM", ".DIC", ".IMA":
		return true
	}
	return f.always || looksLikeDICOM(head)
}

// looksLikeDICOM tells whether a file that nobody vouches for is to be stored: it has the
// prefix "DICM" (PS3.10 7.1), or begins with an element of group 0002 or 0008.
func looksLikeDICOM(head []byte) bool {
	if len(head) >= 132 && string(head[128:132]) == "DICM" {
		return true
	}
	if len(head) < 8 {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		group, element := order.Uint16(head), order.Uint16(head[2:])
		if group != 2 && group != 8 || element > 0x1200 {
			continue
		}
		explicit := head[4] >= 'A' && head[4] <= 'Z' && head[5] >= 'A' && head[5] <= 'Z'
		if explicit || order.Uint32(head[4:]) < 1<<12 {
			return true
		}
	}
	return false
}
