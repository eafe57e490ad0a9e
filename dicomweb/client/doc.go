// Package client talks DICOMweb to other servers: STOW-RS so far (PS3.18 10.5). It streams, and knows nothing of what it carries.
package client
