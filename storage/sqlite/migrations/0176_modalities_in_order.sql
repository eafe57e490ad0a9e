-- Modalities in Study in the indexes that give the order of answers: a rare modality is looked for without reading the rows of the others.
DROP INDEX study_date;
DROP INDEX study_facility;
CREATE INDEX study_date ON study (date DESC, uid, facility, name, modalities);
CREATE INDEX study_facility ON study (facility, date DESC, uid, name, modalities);
