-- A sex as table 0001 has it (hl7v2.AdministrativeSex), also of patients from before it was read so: else the next message about one would correct it, and headers with it.
-- lower() knows ASCII alone.
UPDATE patient SET sex = CASE lower(sex)
	WHEN 'nam' THEN 'M' WHEN 'male' THEN 'M'
	WHEN 'nữ' THEN 'F' WHEN 'nỮ' THEN 'F' WHEN 'nu' THEN 'F' WHEN 'female' THEN 'F'
	WHEN 'khác' THEN 'O' WHEN 'khÁc' THEN 'O' WHEN 'khac' THEN 'O' WHEN 'other' THEN 'O'
	WHEN 'unknown' THEN 'U' ELSE upper(sex) END
	WHERE sex NOT IN ('', 'M', 'F', 'O', 'U', 'A', 'N');
