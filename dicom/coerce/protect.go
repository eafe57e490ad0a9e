package coerce

import (
	"errors"
	"fmt"
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

// protected tells why rules may not touch an attribute; nil if they may.
func protected(t dicom.Tag) error {
	vr := dicom.VROf(t)
	switch {
	case t.Group() <= 0x0006, t.Group() >= 0xFFFA:
		return fmt.Errorf("%v does not belong to the attributes of an object", t)
	case t.Element() == 0:
		return fmt.Errorf("%v is a group length", t)
	case t == tag.SpecificCharacterSet:
		return fmt.Errorf("%v goes with the text of the whole object", t)
	case t == tag.OriginalAttributesSequence:
		return fmt.Errorf("%v tells what was changed", t)
	case t.IsPrivateCreator():
		return fmt.Errorf("%v reserves private attributes", t)
	case vr == dicom.UI:
		return fmt.Errorf("%v is a UID: rules do not change the identity of objects", t)
	case t.Group() == 0x0028 && !slices.Contains(describing, t):
		return fmt.Errorf("%v describes the pixels", t)
	case vr.IsBulk() && !t.IsPrivate():
		return fmt.Errorf("%v is binary data", t)
	}
	return nil
}

// describing are attributes of group 0028 that do not say how pixels are encoded.
var describing = []dicom.Tag{
	tag.BurnedInAnnotation, tag.RecognizableVisualFeatures, tag.LongitudinalTemporalInformationModified,
	tag.WindowCenter, tag.WindowWidth, tag.WindowCenterWidthExplanation, tag.ImagePresentationComments, tag.QualityControlImage,
}

// settable gives the VR that a value put into an attribute will have.
func settable(t dicom.Tag) (dicom.VR, error) {
	if err := protected(t); err != nil {
		return 0, err
	}
	if _, ok := dicom.Lookup(t); !ok {
		return 0, fmt.Errorf("%v is not in the dictionary, so its VR is not known: it can only be removed", t)
	}
	return dicom.VROf(t), nil
}

// changeable reads the path of an attribute that shall be changed, or removed.
func changeable(s string, remove bool) (Path, dicom.VR, error) {
	p, err := ParsePath(s)
	if err != nil {
		return nil, 0, err
	}
	if p[0].Tag == tag.OriginalAttributesSequence {
		return nil, 0, protected(p[0].Tag)
	}
	if remove {
		return p, 0, protected(p.last())
	}
	vr, err := settable(p.last())
	if err == nil && vr == dicom.SQ {
		err = errors.New("a sequence can be copied or removed; set attributes of its items by their path")
	}
	return p, vr, err
}
