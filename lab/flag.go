package lab

import "strings"

// Flag is what a value of OBX-8 means (HL7 table 0078).
type Flag struct {
	Code     string `json:"code"` // as sent
	Text     string `json:"text,omitempty"`
	Abnormal string `json:"abnormal,omitempty"` // no, low, high, critical-low, critical-high, yes, critical
	// Susceptibility is S, I, R, SDD, NS and so on of an antibiogram.
	Susceptibility string `json:"susceptibility,omitempty"`
}

// table0078 is interpretation codes, with what they mean for the value.
var table0078 = map[string]Flag{
	"L":     {Text: "below low normal", Abnormal: "low"},
	"LL":    {Text: "below lower panic limits", Abnormal: "critical-low"},
	"H":     {Text: "above high normal", Abnormal: "high"},
	"HH":    {Text: "above upper panic limits", Abnormal: "critical-high"},
	"LU":    {Text: "significantly low", Abnormal: "low"},
	"HU":    {Text: "significantly high", Abnormal: "high"},
	"<":     {Text: "below absolute low-off instrument scale", Abnormal: "low"},
	">":     {Text: "above absolute high-off instrument scale", Abnormal: "high"},
	"N":     {Text: "normal", Abnormal: "no"},
	"A":     {Text: "abnormal", Abnormal: "yes"},
	"AA":    {Text: "very abnormal", Abnormal: "critical"},
	"U":     {Text: "significant change up"},
	"D":     {Text: "significant change down"},
	"B":     {Text: "better"},
	"W":     {Text: "worse"},
	"S":     {Text: "susceptible", Susceptibility: "S"},
	"R":     {Text: "resistant", Susceptibility: "R", Abnormal: "yes"},
	"I":     {Text: "intermediate", Susceptibility: "I"},
	"MS":    {Text: "moderately susceptible", Susceptibility: "MS"},
	"VS":    {Text: "very susceptible", Susceptibility: "VS"},
	"NS":    {Text: "non-susceptible", Susceptibility: "NS", Abnormal: "yes"},
	"SDD":   {Text: "susceptible, dose dependent", Susceptibility: "SDD"},
	"SYN-R": {Text: "synergy, resistant", Susceptibility: "SYN-R"}, "SYN-S": {Text: "synergy, susceptible", Susceptibility: "SYN-S"},
	"POS": {Text: "positive", Abnormal: "yes"},
	"NEG": {Text: "negative", Abnormal: "no"},
	"IND": {Text: "indeterminate"},
	"DET": {Text: "detected", Abnormal: "yes"},
	"ND":  {Text: "not detected", Abnormal: "no"},
	"RR":  {Text: "reactive", Abnormal: "yes"},
	"WR":  {Text: "weakly reactive", Abnormal: "yes"},
	"NR":  {Text: "non-reactive", Abnormal: "no"},
	"AC":  {Text: "anti-complementary substances present"},
	"TOX": {Text: "cytotoxic substance present"},
	"QCF": {Text: "quality control failure"},
	"CAR": {Text: "carrier"}, "E": {Text: "equivocal"}, "EX": {Text: "outside threshold"}, "HX": {Text: "above high threshold", Abnormal: "high"},
	"LX": {Text: "below low threshold", Abnormal: "low"}, "IE": {Text: "insufficient evidence"}, "UNE": {Text: "unexpected", Abnormal: "yes"},
	"EXP": {Text: "expected", Abnormal: "no"}, "OBX": {Text: "interpretation qualifiers in separate OBX segments"},
	"HM": {Text: "hold for medical review"}, "NA": {}, "NULL": {Text: "no range defined"},
}

// flagOf reads one value of OBX-8. Codes that table 0078 lacks mean nothing here.
func flagOf(code string) Flag {
	f := table0078[strings.ToUpper(strings.TrimSpace(code))]
	f.Code = code
	return f
}

// interpretation reads the flags of an observation. If there are none, the range tells whether a numeric value is
// outside it; that is marked as computed.
func (o *Observation) interpretation(sex string) (flags []Flag, computed string) {
	for _, c := range o.Flags {
		flags = append(flags, flagOf(c))
	}
	if len(flags) > 0 || o.Range == nil || len(o.Values) != 1 || o.Status.void() {
		return flags, ""
	}
	return nil, o.Range.place(&o.Values[0], sex)
}
