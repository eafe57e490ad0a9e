package commitment

import (
	"errors"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// Reporter is the role to propose on an Association that is requested to Tell: the requestor is the SCP (PS3.7 D.3.3.4).
func Reporter() pdu.RoleSelection { return pdu.RoleSelection{SOPClass: SOPClass, SCP: true} }

// ErrRole says that the peer does not let the requestor be the SCP.
var ErrRole = errors.New("the peer does not accept the SCP role for storage commitment")

// MayTell tells, by nil or ErrRole, whether the peer took the role of the SCU on an Association requested with Reporter. One
// that says nothing of roles is told nevertheless: many modalities do not answer the role selection, and take the report.
func MayTell(a *dimse.Association) error {
	for _, r := range a.Peer().Roles {
		if r.SOPClass == SOPClass && !r.SCP {
			return ErrRole
		}
	}
	return nil
}
