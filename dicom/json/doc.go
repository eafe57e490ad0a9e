// Package json writes and reads the DICOM JSON Model (PS3.18 Annex F). Import it
// as dicomjson.
//
// Append turns the tokens of a data set into one JSON object as they come,
// without reflection and without memory for each element; AppendSet does so for a
// data set in memory. Decode reads an object back. Text is UTF-8 on the JSON side,
// whatever Specific Character Set said; group lengths and the groups 0000 and 0002
// are left out.
package json
