package storage

import "github.com/halong-gateway/halong/dicom"

// LevelOf tells at which level of the information model the index keeps an
// attribute, 0 if it does not. What is computed at a level (counts, Modalities in Study)
// is not among them.
func LevelOf(t dicom.Tag) Level { return levelOf(t) }
