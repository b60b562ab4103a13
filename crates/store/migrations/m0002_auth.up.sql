-- Auth: who there is, what the school teaches, and who learns it where.

-- Global. A service sees the school that its transaction names; auth, which runs the platform, sees all.
CREATE TABLE schools (
    id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    time_zone text NOT NULL DEFAULT 'UTC' CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    currency char(3) NOT NULL DEFAULT 'INR' CHECK (currency ~ '^[A-Z]{3}$'),
    locale text NOT NULL DEFAULT 'en' CHECK (char_length(locale) BETWEEN 2 AND 35),
    is_active boolean NOT NULL DEFAULT true,
    source_id text UNIQUE,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN schools.time_zone IS 'IANA name; dates of the school are in this zone';
COMMENT ON COLUMN schools.currency IS 'ISO 4217';

-- Global: one person, one login, however many schools.
CREATE TABLE users (
    id uuid NOT NULL PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
    full_name text NOT NULL CHECK (char_length(full_name) BETWEEN 1 AND 255),
    given_name text CHECK (char_length(given_name) <= 255),
    family_name text CHECK (char_length(family_name) <= 255),
    phone text CHECK (char_length(phone) <= 32),
    profile_picture_url text CHECK (char_length(profile_picture_url) <= 2048),
    is_active boolean NOT NULL DEFAULT true,
    is_super_admin boolean NOT NULL DEFAULT false,
    email_verified boolean NOT NULL DEFAULT false,
    last_login_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE credentials (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    password_hash text NOT NULL,
    failed_attempts integer NOT NULL DEFAULT 0 CHECK (failed_attempts >= 0),
    locked_until timestamptz,
    changed_at timestamptz NOT NULL DEFAULT now(),
    -- The school whose office chose the password; none when its owner did.
    set_by_school uuid REFERENCES schools DEFAULT current_school()
);

CREATE TABLE memberships (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    -- super_admin is not among them: it is a property of the user, not of a user in a school.
    role text NOT NULL CHECK (role IN ('school_admin', 'admin', 'teacher', 'student', 'parent', 'staff')),
    is_active boolean NOT NULL DEFAULT true,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, user_id, role),
    -- A roster's user may hold several roles under one source id.
    UNIQUE (school_id, source_id, role)
);
-- A login looks a user's schools up before a school is known.
CREATE INDEX memberships_user ON memberships (user_id);
CALL adopt_tenant_table('memberships', 'schools24_auth');
-- A password that one school's office chose opens no other school: whoever is admitted elsewhere loses it, and every session begun with it.
CREATE FUNCTION forget_foreign_password() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM credentials WHERE user_id = NEW.user_id AND set_by_school <> NEW.school_id;
    IF FOUND THEN
        UPDATE sessions SET revoked_at = now(), revoke_reason = 'the password was another school''s choice'
        WHERE user_id = NEW.user_id AND revoked_at IS NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_foreign_password AFTER INSERT ON memberships FOR EACH ROW EXECUTE FUNCTION forget_foreign_password();
CREATE POLICY login ON memberships FOR SELECT TO schools24_auth USING (user_id = (SELECT current_login_user()));

-- Owned by a user, not by a school: a super admin's session has none.
CREATE TABLE sessions (
    id uuid NOT NULL PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    school_id uuid REFERENCES schools,
    role text NOT NULL CHECK (role IN ('super_admin', 'school_admin', 'admin', 'teacher', 'student', 'parent', 'staff')),
    refresh_hash bytea NOT NULL UNIQUE CHECK (octet_length(refresh_hash) = 32),
    previous_hash bytea UNIQUE CHECK (octet_length(previous_hash) = 32),
    rotated_at timestamptz,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoke_reason text,
    ip text CHECK (char_length(ip) <= 64),
    user_agent text CHECK (char_length(user_agent) <= 512),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((school_id IS NULL) <= (role = 'super_admin')),
    CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
);
CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);
COMMENT ON COLUMN sessions.refresh_hash IS 'SHA-256 of the refresh token';
COMMENT ON COLUMN sessions.previous_hash IS 'SHA-256 of the token before the last rotation, to tell reuse';

-- Public halves, which every service verifies tokens with; the private halves are in a table that only auth can read.
CREATE TABLE signing_keys (
    kid text NOT NULL PRIMARY KEY CHECK (char_length(kid) BETWEEN 1 AND 128),
    public_jwk jsonb NOT NULL CHECK (jsonb_typeof(public_jwk) = 'object' AND NOT public_jwk ?| ARRAY['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']),
    not_before timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (expires_at > not_before)
);
CREATE TABLE signing_key_secrets (
    kid text NOT NULL PRIMARY KEY REFERENCES signing_keys ON DELETE CASCADE,
    sealed bytea NOT NULL
);
COMMENT ON COLUMN signing_key_secrets.sealed IS 'the private key, encrypted under a key that is not in this database';

CREATE TABLE academic_years (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, name),
    UNIQUE (school_id, source_id),
    CHECK (ends_on > starts_on)
);
CALL adopt_tenant_table('academic_years', 'schools24_auth');

CREATE TABLE terms (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    academic_year_id uuid NOT NULL,
    parent_term_id uuid,
    kind text NOT NULL DEFAULT 'term' CHECK (kind IN ('semester', 'term', 'grading_period')),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, source_id),
    UNIQUE (school_id, academic_year_id, kind, name),
    FOREIGN KEY (school_id, academic_year_id) REFERENCES academic_years (school_id, id),
    FOREIGN KEY (school_id, parent_term_id) REFERENCES terms (school_id, id),
    CHECK (ends_on > starts_on),
    CHECK (parent_term_id <> id),
    -- Terms of one kind don't overlap; a grading period lies within its term.
    CONSTRAINT terms_no_overlap EXCLUDE USING gist (
        school_id WITH =, academic_year_id WITH =, kind WITH =, daterange(starts_on, ends_on, '[]') WITH &&
    ) WHERE (status = 'active')
);
COMMENT ON COLUMN terms.ends_on IS 'the last day, inclusive';
CALL adopt_tenant_table('terms', 'schools24_auth');

CREATE TABLE subjects (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    code text CHECK (char_length(code) BETWEEN 1 AND 64),
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, code),
    UNIQUE (school_id, source_id)
);
CALL adopt_tenant_table('subjects', 'schools24_auth');

CREATE TABLE teachers (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    employee_number text CHECK (char_length(employee_number) BETWEEN 1 AND 64),
    qualification text CHECK (char_length(qualification) <= 500),
    joined_on date,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, user_id),
    UNIQUE (school_id, employee_number),
    UNIQUE (school_id, source_id)
);
CALL adopt_tenant_table('teachers', 'schools24_auth');

CREATE TABLE staff (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    employee_number text CHECK (char_length(employee_number) BETWEEN 1 AND 64),
    position text CHECK (char_length(position) <= 200),
    joined_on date,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, user_id),
    UNIQUE (school_id, employee_number),
    UNIQUE (school_id, source_id)
);
CALL adopt_tenant_table('staff', 'schools24_auth');

CREATE TABLE classes (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    academic_year_id uuid NOT NULL,
    -- The term in which it is taught; none means the whole year.
    term_id uuid,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    code text CHECK (char_length(code) BETWEEN 1 AND 64),
    grade_level text CHECK (char_length(grade_level) <= 32),
    section text CHECK (char_length(section) <= 32),
    class_teacher_id uuid,
    room text CHECK (char_length(room) <= 64),
    capacity integer CHECK (capacity BETWEEN 1 AND 10000),
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, academic_year_id, code),
    UNIQUE (school_id, source_id),
    FOREIGN KEY (school_id, academic_year_id) REFERENCES academic_years (school_id, id),
    FOREIGN KEY (school_id, term_id) REFERENCES terms (school_id, id),
    FOREIGN KEY (school_id, class_teacher_id) REFERENCES teachers (school_id, id)
);
CREATE INDEX classes_teacher ON classes (school_id, class_teacher_id);
CALL adopt_tenant_table('classes', 'schools24_auth');

CREATE TABLE students (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    admission_number text NOT NULL CHECK (char_length(admission_number) BETWEEN 1 AND 64),
    roll_number text CHECK (char_length(roll_number) <= 64),
    -- The home class; what a student attends is in enrollments.
    class_id uuid,
    section text CHECK (char_length(section) <= 32),
    date_of_birth date,
    gender text CHECK (char_length(gender) <= 32),
    blood_group text CHECK (char_length(blood_group) <= 8),
    address text CHECK (char_length(address) <= 1000),
    parent_name text CHECK (char_length(parent_name) <= 255),
    parent_email text CHECK (char_length(parent_email) <= 254),
    parent_phone text CHECK (char_length(parent_phone) <= 32),
    emergency_contact text CHECK (char_length(emergency_contact) <= 255),
    admission_date date,
    academic_year text CHECK (char_length(academic_year) <= 100),
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, user_id),
    UNIQUE (school_id, admission_number),
    UNIQUE (school_id, source_id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id)
);
CREATE INDEX students_class ON students (school_id, class_id);
CALL adopt_tenant_table('students', 'schools24_auth');

CREATE TABLE student_guardians (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    student_id uuid NOT NULL,
    guardian_user_id uuid NOT NULL REFERENCES users,
    relationship text NOT NULL DEFAULT 'guardian' CHECK (char_length(relationship) BETWEEN 1 AND 32),
    is_primary boolean NOT NULL DEFAULT false,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, student_id, guardian_user_id),
    UNIQUE (school_id, source_id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id) ON DELETE CASCADE
);
CREATE INDEX student_guardians_guardian ON student_guardians (school_id, guardian_user_id);
CREATE UNIQUE INDEX student_guardians_one_primary ON student_guardians (school_id, student_id) WHERE is_primary;
CALL adopt_tenant_table('student_guardians', 'schools24_auth');

-- Who teaches what in a class. Without a subject: the class as such; without a teacher: not yet staffed.
CREATE TABLE class_subjects (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    subject_id uuid,
    teacher_id uuid,
    is_primary boolean NOT NULL DEFAULT true,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT class_subjects_once UNIQUE NULLS NOT DISTINCT (school_id, class_id, subject_id, teacher_id),
    UNIQUE (school_id, source_id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, subject_id) REFERENCES subjects (school_id, id),
    FOREIGN KEY (school_id, teacher_id) REFERENCES teachers (school_id, id)
);
CREATE INDEX class_subjects_teacher ON class_subjects (school_id, teacher_id);
CALL adopt_tenant_table('class_subjects', 'schools24_auth');

CREATE TABLE enrollments (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    student_id uuid NOT NULL,
    begin_date date NOT NULL,
    end_date date,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'withdrawn', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, source_id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CHECK (end_date >= begin_date),
    -- A student is in a class once at a time, but may leave and come back.
    CONSTRAINT enrollments_no_overlap EXCLUDE USING gist (
        school_id WITH =, class_id WITH =, student_id WITH =, daterange(begin_date, end_date, '[]') WITH &&
    ) WHERE (status = 'active')
);
COMMENT ON COLUMN enrollments.end_date IS 'the last day, inclusive; none means open';
CREATE INDEX enrollments_class ON enrollments (school_id, class_id) WHERE status = 'active';
CREATE INDEX enrollments_student ON enrollments (school_id, student_id) WHERE status = 'active';
CALL adopt_tenant_table('enrollments', 'schools24_auth');

-- A student's classes as JSON, past and present: what decides who may see whose work.
CREATE FUNCTION learner_classes(school uuid, student uuid) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        jsonb_agg(jsonb_build_object('class_id', e.class_id, 'begin_date', e.begin_date, 'end_date', e.end_date) ORDER BY e.begin_date, e.class_id),
        '[]')
    FROM enrollments e
    WHERE e.school_id = school AND e.student_id = student AND e.status = 'active';
END;

-- The global tables. Auth runs the platform and sees all of them; the others see their school and its people.
ALTER TABLE schools ENABLE ROW LEVEL SECURITY;
ALTER TABLE schools FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON schools TO schools24_auth USING (true) WITH CHECK (true);
CREATE POLICY own ON schools FOR SELECT USING (id = (SELECT current_school()));

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON users TO schools24_auth USING (true) WITH CHECK (true);
CREATE POLICY members ON users FOR SELECT USING (
    EXISTS (SELECT FROM memberships m WHERE m.school_id = (SELECT current_school()) AND m.user_id = users.id)
);

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON sessions TO schools24_auth USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON schools, users, credentials, sessions, signing_keys, signing_key_secrets TO schools24_auth;
GRANT SELECT ON schools, users, signing_keys TO
    schools24_dashboard, schools24_quiz, schools24_homework, schools24_attendance, schools24_fee, schools24_inventory,
    schools24_bus_route, schools24_calendar, schools24_report;
