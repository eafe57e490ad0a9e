package dicomweb

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
)

// A bulk data path names one value: the tag in eight hexadecimal digits; for a
// value inside sequences tag and item number (from 1) of each one before it:
// "54000100/2/54001010".

// bulkPath gives the path of a value.
func bulkPath(path []dicomjson.Step, t dataset.Token) string {
	b := make([]byte, 0, 16*len(path)+8)
	for _, s := range path {
		b = append(appendTag(b, s.Tag), '/')
		b = append(strconv.AppendInt(b, int64(s.Item)+1, 10), '/')
	}
	return string(appendTag(b, t.Tag))
}

func appendTag(b []byte, t dicom.Tag) []byte {
	const digits = "0123456789ABCDEF"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[t>>shift&0xF])
	}
	return b
}

// parseBulkPath reads what bulkPath writes. The last step has no item.
func parseBulkPath(s string) ([]dicomjson.Step, error) {
	bad := fail(http.StatusBadRequest, "The bulk data path must be tags of eight hexadecimal digits with item numbers from 1 between them.")
	parts := strings.Split(strings.TrimSuffix(s, "/"), "/")
	if len(parts)%2 == 0 || len(parts) > 2*64 {
		return nil, bad
	}
	var path []dicomjson.Step
	for i := 0; i < len(parts); i += 2 {
		t, err := strconv.ParseUint(parts[i], 16, 32)
		if err != nil || len(parts[i]) != 8 {
			return nil, bad
		}
		step := dicomjson.Step{Tag: dicom.Tag(t)}
		if i+1 < len(parts) {
			n, err := strconv.ParseUint(parts[i+1], 10, 31)
			if err != nil || n == 0 {
				return nil, bad
			}
			step.Item = int(n) - 1
		}
		path = append(path, step)
	}
	return path, nil
}
