-- Bus-route, fourth part: on which buses a student was is read by the student.

CREATE INDEX bus_boardings_student ON bus_boardings (school_id, student_id);
