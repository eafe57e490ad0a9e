package config

import (
	"fmt"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
)

// DICOMPeers gives dicom.peers as an allow-list. A line without a facility has none there: the called AE title may say which, or
// else it is the configuration's.
func (c *Config) DICOMPeers() (access.Peers, error) {
	var out access.Peers
	for i := range c.DICOM.Peers {
		p := &c.DICOM.Peers[i]
		key := fmt.Sprintf("dicom.peers[%d]", i)
		peer := access.Peer{AE: strings.TrimSpace(p.AE), Facility: p.Facility, Facilities: p.Facilities}
		var err error
		if p.AE == "" && p.Address == "" && p.Certificate == "" {
			return nil, wrong(key, "ae, address or certificate is needed")
		}
		if p.AE != "" && !validAE(p.AE) {
			return nil, wrong(key+".ae", "%q is not an AE title", p.AE)
		}
		if p.Address != "" {
			if peer.Net, err = access.ParseNet(p.Address); err != nil {
				return nil, wrong(key, "%w", err)
			}
		}
		if peer.Certificate, err = access.ParseCertificate(p.Certificate); err != nil {
			return nil, wrong(key+".certificate", "%w", err)
		}
		switch {
		case !peer.Certificate.Asked():
		case c.DICOM.TLS.Listen == Off:
			return nil, wrong(key+".certificate", "only peers over TLS show one: set dicom.tls.listen")
		case peer.Certificate.Name != "" && c.DICOM.TLS.ClientCA == "":
			return nil, wrong(key+".certificate", "a name means something where an authority vouches for it: set dicom.tls.client_ca, or give the fingerprint as sha256:…")
		}
		if err := validFacilities(key, p.Facility, p.Facilities); err != nil {
			return nil, err
		}
		out = append(out, peer)
	}
	return out, nil
}

// Titles gives the AE titles of facilities.
func (c *Config) Titles() (map[string]halong.Facility, error) {
	out := map[string]halong.Facility{}
	for i, f := range c.Facilities {
		key := fmt.Sprintf("facilities[%d]", i)
		if err := ValidFacility(f.Name); err != nil {
			return nil, wrong(key+".name", "%w", err)
		}
		if !validAE(f.AE) {
			return nil, wrong(key+".ae", "%q is not an AE title", f.AE)
		}
		ae := strings.TrimSpace(f.AE)
		if of, ok := out[ae]; ok {
			return nil, wrong(key+".ae", "%q is that of %s already", ae, of)
		}
		out[ae] = f.Name
	}
	return out, nil
}

// Strangers gives what peers see that are not in dicom.peers; nil when they are not let in by dicom.promiscuous.
func (c *Config) Strangers() (*halong.Scope, error) {
	var s halong.Scope
	for i, f := range c.DICOM.PromiscuousSees {
		key := fmt.Sprintf("dicom.promiscuous_sees[%d]", i)
		if f == "*" {
			s.All = true
			continue
		}
		if err := ValidFacility(f); err != nil {
			return nil, wrong(key, "%w", err)
		}
		s.Visible = append(s.Visible, f)
	}
	if !c.DICOM.Promiscuous {
		if len(c.DICOM.PromiscuousSees) > 0 {
			return nil, wrong("dicom.promiscuous_sees", "means nothing without dicom.promiscuous")
		}
		return nil, nil
	}
	return &s, nil
}

// Users gives dicom.identity.users.
func (c *Config) Users() (out []access.User, err error) {
	seen := map[string]bool{}
	for i, u := range c.DICOM.Identity.Users {
		key := fmt.Sprintf("dicom.identity.users[%d]", i)
		if u.Name == "" || len(u.Name) > 256 {
			return nil, wrong(key+".name", "a name is needed, of at most 256 bytes")
		}
		if seen[u.Name] {
			return nil, wrong(key+".name", "%q is there twice", u.Name)
		}
		seen[u.Name] = true
		p, err := access.ParsePasscode(u.Passcode)
		if err != nil {
			return nil, wrong(key+".passcode", "%w", err)
		}
		if err := validFacilities(key, u.Facility, u.Facilities); err != nil {
			return nil, err
		}
		out = append(out, access.User{Passcode: p, Identity: access.Identity{Name: u.Name, Facility: u.Facility, Facilities: u.Facilities}})
	}
	return out, nil
}

func validFacilities(key string, own halong.Facility, others []halong.Facility) error {
	if own != "" {
		if err := ValidFacility(own); err != nil {
			return wrong(key+".facility", "%w", err)
		}
	}
	for i, f := range others {
		if err := ValidFacility(f); err != nil {
			return wrong(fmt.Sprintf("%s.facilities[%d]", key, i), "%w", err)
		}
	}
	return nil
}
