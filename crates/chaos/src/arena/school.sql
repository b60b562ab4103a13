-- One school: one class, teachers who all teach it, students who all attend it. `:name` are replaced by the harness, with values of its own.
INSERT INTO schools (id, name, code) VALUES (':school', 'A school', ':school');
INSERT INTO academic_years (school_id, id, name, starts_on, ends_on)
VALUES (':school', gen_random_uuid(), 'This year', current_date - 100, current_date + 200);
INSERT INTO classes (school_id, id, academic_year_id, name, code)
SELECT school_id, ':class', id, 'A class', '1' FROM academic_years WHERE school_id = ':school';

CREATE TEMPORARY TABLE people ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, role, n, format('%s-%s@%s.example', role, n, ':school') AS email
FROM (SELECT 'teacher' AS role, n FROM generate_series(0, :teachers - 1) n
      UNION ALL SELECT 'student', n FROM generate_series(0, :students - 1) n) numbered;
INSERT INTO users (id, email, full_name) SELECT id, email, initcap(role) || ' ' || n FROM people;
INSERT INTO credentials (user_id, password_hash) SELECT id, ':hash' FROM people;
INSERT INTO memberships (school_id, id, user_id, role) SELECT ':school', gen_random_uuid(), id, role FROM people;
INSERT INTO teachers (school_id, id, user_id, employee_number)
SELECT ':school', gen_random_uuid(), id, n::text FROM people WHERE role = 'teacher';
INSERT INTO students (school_id, id, user_id, admission_number)
SELECT ':school', gen_random_uuid(), id, n::text FROM people WHERE role = 'student';
INSERT INTO class_subjects (school_id, id, class_id, teacher_id)
SELECT school_id, gen_random_uuid(), ':class', id FROM teachers WHERE school_id = ':school';
INSERT INTO enrollments (school_id, id, class_id, student_id, begin_date)
SELECT school_id, gen_random_uuid(), ':class', id, current_date - 100 FROM students WHERE school_id = ':school';
