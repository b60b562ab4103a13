DROP TABLE leave_requests;
DROP TABLE attendance_records;
DROP TABLE attendance_sessions;
DROP TABLE attendance_codes;
