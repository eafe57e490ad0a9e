-- The first word of the folded name: studies of names that begin with it are read in the order of answers.
ALTER TABLE study ADD COLUMN first TEXT GENERATED ALWAYS AS (substr(name, 1, instr(replace(name, '=', ' ') || ' ', ' ') - 1)) VIRTUAL;
CREATE INDEX study_first ON study (facility, first, date DESC, uid, name);
