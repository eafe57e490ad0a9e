-- Assigning authorities of all identifiers: those of identity cards and insurances are seldom a patient's first.
INSERT OR IGNORE INTO patient_authority
	SELECT DISTINCT p.facility, coalesce(j.value ->> 'authority', '') FROM patient p
	CROSS JOIN json_each(CASE WHEN json_valid(p.identifiers) THEN p.identifiers ELSE '[]' END) j;
