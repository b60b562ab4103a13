-- One school with its people. `:name` are replaced by the caller, with values of its own.
INSERT INTO schools (id, name, code) VALUES (':school', 'Measured school :number', 'MEASURED:number');

INSERT INTO academic_years (school_id, id, name, starts_on, ends_on)
VALUES (':school', gen_random_uuid(), 'This year', current_date - 100, current_date + 200);

INSERT INTO classes (school_id, id, academic_year_id, name, code)
SELECT y.school_id, gen_random_uuid(), y.id, 'Class ' || c, c::text
FROM academic_years y, generate_series(1, :classes) c WHERE y.school_id = ':school';

CREATE TEMPORARY TABLE people AS
SELECT gen_random_uuid() AS id, role, n, format('%s-%s-%s@measured.example', role, n, :number) AS email
FROM (SELECT 'teacher' AS role, n FROM generate_series(1, :classes) n
      UNION ALL SELECT 'student', n FROM generate_series(1, :students) n) numbered;

INSERT INTO users (id, email, full_name) SELECT id, email, initcap(role) || ' ' || n FROM people;
INSERT INTO credentials (user_id, password_hash) SELECT id, ':hash' FROM people;
INSERT INTO memberships (school_id, id, user_id, role) SELECT ':school', gen_random_uuid(), id, role FROM people;
INSERT INTO teachers (school_id, id, user_id, employee_number)
SELECT ':school', gen_random_uuid(), id, n::text FROM people WHERE role = 'teacher';
INSERT INTO students (school_id, id, user_id, admission_number)
SELECT ':school', gen_random_uuid(), id, n::text FROM people WHERE role = 'student';

-- The teacher n teaches the class n; students are dealt out in turn.
INSERT INTO class_subjects (school_id, id, class_id, teacher_id)
SELECT c.school_id, gen_random_uuid(), c.id, t.id
FROM classes c JOIN teachers t ON t.school_id = c.school_id AND t.employee_number = c.code WHERE c.school_id = ':school';
INSERT INTO enrollments (school_id, id, class_id, student_id, begin_date)
SELECT s.school_id, gen_random_uuid(), c.id, s.id, current_date - 100
FROM students s JOIN classes c ON c.school_id = s.school_id AND c.code = (1 + s.admission_number::int % :classes)::text
WHERE s.school_id = ':school';

DROP TABLE people;
