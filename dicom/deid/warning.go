package deid

import (
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Warning is why an object may still show who the patient is.
type Warning string

// The warnings.
const (
	BurnedInAnnotation Warning = "burned-in annotation"          // the object says so
	MayBeBurnedIn      Warning = "burned-in annotation possible" // it does not say No, and is of a kind that often has it
	VisualFeatures     Warning = "recognizable visual features"  // the object says so, or is a photograph or a scan of a head
	Document           Warning = "encapsulated document"         // its content was replaced; titles and names may remain elsewhere
	StructuredText     Warning = "structured content"            // its text was cleaned as far as that is possible
	PixelOverlay       Warning = "overlay in pixel data"         // annotations in the unused bits of pixels stay there
)

// screens are modalities whose pixels are often those of a screen with names on it, or a photograph.
var screens = []string{"US", "SC", "OT", "XC", "ES", "IVUS", "GM", "DOC", "DG"}

// screenClasses are SOP Classes of such objects.
var screenClasses = []string{
	"1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.6.", "1.2.840.10008.5.1.4.1.1.3.", "1.2.840.10008.5.1.4.1.1.77.1.",
}

const documents = "1.2.840.10008.5.1.4.1.1.104."

func assess(s *dataset.Set, on *chosen) (w []Warning) {
	pixels := s.Get(tag.PixelData) != nil
	modality, class := s.String(tag.Modality), string(s.UID(tag.SOPClassUID))
	if burned := s.String(tag.BurnedInAnnotation); pixels {
		switch {
		case burned == "YES":
			w = append(w, BurnedInAnnotation)
		case burned != "NO" && (slices.Contains(screens, modality) || ofClass(class, screenClasses)):
			w = append(w, MayBeBurnedIn)
		}
		if faces(s, modality, on) {
			w = append(w, VisualFeatures)
		}
	}
	if strings.HasPrefix(class, documents) || s.Get(tag.EncapsulatedDocument) != nil {
		w = append(w, Document)
	}
	if s.Get(tag.ContentSequence) != nil && on[CleanStructuredContent] {
		w = append(w, StructuredText)
	}
	if overlayInPixels(s) {
		w = append(w, PixelOverlay)
	}
	return w
}

func ofClass(class string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return class == p || strings.HasSuffix(p, ".") && strings.HasPrefix(class, p) })
}

// faces tells whether a face may be seen. Scans of heads are suspected only where features are to be cleaned: nearly every study of
// a brain would be.
func faces(s *dataset.Set, modality string, on *chosen) bool {
	switch s.String(tag.RecognizableVisualFeatures) {
	case "YES":
		return true
	case "NO":
		return false
	}
	if modality == "XC" {
		return true
	}
	if !on[CleanRecognizableVisualFeatures] {
		return false
	}
	part := strings.ToUpper(s.String(tag.BodyPartExamined))
	head := part == "" || slices.ContainsFunc([]string{"HEAD", "BRAIN", "SKULL", "FACE", "ORBIT", "JAW", "NECK"}, func(p string) bool { return strings.Contains(part, p) })
	return head && slices.Contains([]string{"CT", "MR", "PT", "XC"}, modality)
}

// overlayInPixels tells whether an overlay lies in bits of the pixels (PS3.3 C.9.2, retired in 2004).
func overlayInPixels(s *dataset.Set) bool {
	for i := range s.Elements {
		t := s.Elements[i].Tag
		if g := t.Group(); g >= 0x6000 && g <= 0x60FF && t.Element() == 0x0100 {
			n, _ := s.Int(t)
			data := s.Get(dicom.NewTag(g, 0x3000))
			if n > 1 && data == nil {
				return true
			}
		}
	}
	return false
}
