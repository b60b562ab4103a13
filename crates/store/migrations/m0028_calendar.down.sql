DROP TRIGGER timetable_handed_over ON timetable_entries;
DROP FUNCTION timetable_handed_over;
DROP TABLE timetable_handovers;
DROP TRIGGER timetable_lesson_days_free_of_new ON timetable_blocks;
DROP TRIGGER timetable_lesson_days_free_of_changed ON timetable_blocks;
DROP FUNCTION timetable_blocks_free;
DROP TRIGGER timetable_lesson_days_free ON timetable_days;
DROP TRIGGER timetable_lesson_days_free ON timetable_entries;
DROP TRIGGER timetable_in_turn ON timetable_blocks;
DROP TRIGGER timetable_in_turn ON timetable_days;
DROP TRIGGER timetable_in_turn ON timetable_entries;
DROP FUNCTION timetable_clash;
CREATE OR REPLACE FUNCTION timetable_between(school uuid, first date, last date)
    RETURNS TABLE (entry_id uuid, on_day date, starts integer, ends integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, d.day, coalesce(b.start_minute, t.start_minute), coalesce(b.end_minute, t.end_minute)
    FROM (SELECT first + n AS day FROM generate_series(0, last - first) AS n) AS d
    LEFT JOIN timetable_days x ON x.school_id = school AND x.day = d.day
    JOIN timetable_entries t ON t.school_id = school AND t.status = 'active' AND t.covers_entry_id IS NULL
        AND t.rotation_day = CASE WHEN x.id IS NULL THEN extract(isodow FROM d.day)::integer ELSE x.rotation_day END
        AND d.day BETWEEN t.valid_from AND coalesce(t.valid_to, 'infinity')
    LEFT JOIN timetable_blocks b ON b.school_id = school AND b.column_id = x.column_id AND b.period = t.period
    WHERE x.column_id IS NULL OR b.id IS NOT NULL;
END;
DROP FUNCTION timetable_lessons;
DROP TABLE timetable_lesson_days;
DROP FUNCTION timetable_lesson_days_free;
DROP FUNCTION timetable_in_turn;
ALTER TABLE timetable_entries DROP CONSTRAINT timetable_entries_of_class;
