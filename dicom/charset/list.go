package charset

// Terms gives the defined terms of Specific Character Set (0008,0005) that are understood (PS3.3 C.12.1.1.2), those of single-byte
// sets without the forms for code extensions.
func Terms() (list []string) {
	for _, t := range terms {
		switch {
		case t.scheme != iso2022 && t.ir != "192":
			list = append(list, t.ir)
		case t.multi:
			list = append(list, "ISO 2022 IR "+t.ir)
		default:
			list = append(list, "ISO_IR "+t.ir)
		}
	}
	return list
}
