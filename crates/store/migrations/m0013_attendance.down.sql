DROP INDEX leave_requests_newest;
ALTER TABLE leave_requests DROP CONSTRAINT leave_requests_length, DROP CONSTRAINT leave_requests_decided_by;
DROP TABLE attendance_corrections;
ALTER TABLE attendance_records
    DROP CONSTRAINT attendance_records_office_counts,
    DROP COLUMN teacher_code,
    DROP COLUMN office_code;
ALTER TABLE attendance_sessions
    DROP CONSTRAINT attendance_sessions_no_future,
    DROP CONSTRAINT attendance_sessions_locked_at;
DROP TABLE attendance_settings;
DROP INDEX attendance_codes_one_leave;
DROP INDEX attendance_codes_one_spelling;
ALTER TABLE attendance_codes
    DROP CONSTRAINT attendance_codes_default_is_usable,
    DROP CONSTRAINT attendance_codes_leave_is_excused,
    DROP COLUMN office_only,
    DROP COLUMN is_leave;
