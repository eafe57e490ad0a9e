-- Patients are found by their dates of birth as by the words of their names: an index of the table itself is written row by row.
INSERT INTO patient_word (word, patient) SELECT '=' || birth, id FROM patient WHERE birth <> '' ORDER BY birth, id;
DROP INDEX patient_birth;
