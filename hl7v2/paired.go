package hl7v2

import "strings"

// paired are the application acknowledgements whose message type is not ACK, by MSH-9.1 and MSH-9.2 of what
// they answer (HL7 chapters 3 to 5, 7, 10 and 13).
var paired = map[string]string{
	"ORM^O01": "ORR^O02", "OMG^O19": "ORG^O20", "OML^O21": "ORL^O22", "OMI^O23": "ORI^O24", "OMB^O27": "ORB^O28",
	"OML^O33": "ORL^O34", "OML^O35": "ORL^O36", "OML^O39": "ORL^O40",
	"OMD^O03": "ORD^O04", "OMS^O05": "ORS^O06", "OMN^O07": "ORN^O08", "OMP^O09": "ORP^O10",
	"RDE^O11": "RRE^O12", "RDS^O13": "RRD^O14", "RGV^O15": "RRG^O16", "RAS^O17": "RRA^O18",
	"QBP^Q11": "RSP^K11", "QBP^Q13": "RTB^K13", "QBP^Q15": "RDY^K15",
	"QBP^Q21": "RSP^K21", "QBP^Q22": "RSP^K22", "QBP^Q23": "RSP^K23", "QBP^Q24": "RSP^K24", "QBP^Q25": "RSP^K25",
	"QBP^Q31": "RSP^K31", "QBP^ZV1": "RSP^ZV2",
	"QRY^A19": "ADR^A19", "QRY^R02": "ORF^R04", "QRY^Q01": "DSR^Q01", "QRY^PC4": "PPR^PC4", "OSQ^Q06": "OSR^Q06",
	"SRM^S01": "SRR^S01", "SRM^S02": "SRR^S02", "SRM^S03": "SRR^S03", "SRM^S04": "SRR^S04", "SRM^S05": "SRR^S05",
	"SRM^S06": "SRR^S06", "SRM^S07": "SRR^S07", "SRM^S08": "SRR^S08", "SRM^S09": "SRR^S09", "SRM^S10": "SRR^S10", "SRM^S11": "SRR^S11",
	"ORU^R30": "ACK^R33", "ORU^R31": "ACK^R33", "ORU^R32": "ACK^R33",
	"MFN^M01": "MFK^M01", "MFN^M02": "MFK^M02", "MFN^M03": "MFK^M03", "MFN^M04": "MFK^M04", "MFN^M05": "MFK^M05", "MFN^M06": "MFK^M06",
}

// structures are message structures (table 0354) that are not type and event joined.
var structures = map[string]string{
	"RSP^K22": "RSP_K21", "RSP^K24": "RSP_K23", "SRR^S02": "SRR_S01", "SRR^S03": "SRR_S01", "SRR^S04": "SRR_S01", "SRR^S05": "SRR_S01",
	"SRR^S06": "SRR_S01", "SRR^S07": "SRR_S01", "SRR^S08": "SRR_S01", "SRR^S09": "SRR_S01", "SRR^S10": "SRR_S01", "SRR^S11": "SRR_S01",
	"MFK^M02": "MFK_M01", "MFK^M03": "MFK_M01", "MFK^M04": "MFK_M01", "MFK^M05": "MFK_M01", "MFK^M06": "MFK_M01",
	"ACK^R33": "ACK",
}

// PairedType gives MSH-9 of the application acknowledgement that the standard pairs with a message type
// ("ORM", "O01" gives "ORR", "O02", "ORR_O02"); ok is false where it is the general ACK.
func PairedType(code, event string) (t [3]string, ok bool) {
	answer, ok := paired[code+"^"+event]
	if !ok {
		return t, false
	}
	t[0], t[1], _ = strings.Cut(answer, "^")
	if t[2] = structures[answer]; t[2] == "" {
		t[2] = t[0] + "_" + t[1]
	}
	return t, true
}

// IsQuery tells whether messages of a type ask for an answer with content (HL7 chapter 5): a plain acceptance says nothing to who sent it.
func IsQuery(code string) bool {
	switch code {
	case "QBP", "QRY", "QRF", "QSB", "OSQ", "SQM", "VXQ", "SQR", "EQQ", "SPQ", "VQQ", "RQQ", "TBR":
		return true
	}
	return false
}
