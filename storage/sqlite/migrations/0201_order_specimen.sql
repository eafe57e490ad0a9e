-- The specimens that orders name, for the results that name nothing else of their order. A row may be of what an order named once: its content says what it names now.
CREATE TABLE worklist_specimen (
	facility INTEGER NOT NULL,
	specimen TEXT NOT NULL,
	ord      INTEGER NOT NULL,
	patient  INTEGER NOT NULL, -- that of the order
	PRIMARY KEY (facility, specimen, ord)
) STRICT, WITHOUT ROWID;
INSERT INTO worklist_specimen (facility, specimen, ord, patient)
	SELECT DISTINCT o.facility, n.value, o.id, o.patient FROM worklist_order o
	CROSS JOIN json_each(CASE WHEN json_valid(CAST(o.content AS TEXT)) THEN CAST(o.content AS TEXT) ELSE '{}' END, '$.specimens') n
	WHERE n.type = 'text' ORDER BY 1, 2, 3;
CREATE INDEX worklist_specimen_patient ON worklist_specimen (facility, specimen, patient);
