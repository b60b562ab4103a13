-- Homework: what was set, what was handed in, and what it was worth. Buffered: the batch processor writes these rows.

CREATE TABLE homework (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    subject_id uuid,
    -- The teacher who set it; none when the office did.
    teacher_id uuid,
    created_by uuid NOT NULL REFERENCES users,
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    description text CHECK (char_length(description) <= 5000),
    instructions text CHECK (char_length(instructions) <= 20000),
    max_points numeric(7, 2) NOT NULL DEFAULT 100 CHECK (max_points > 0),
    assigned_at timestamptz,
    due_at timestamptz NOT NULL,
    cutoff_at timestamptz CHECK (cutoff_at >= due_at),
    allow_late boolean NOT NULL DEFAULT true,
    late_policy jsonb CHECK (jsonb_typeof(late_policy) = 'object'),
    max_attempts integer NOT NULL DEFAULT 1 CHECK (max_attempts BETWEEN 1 AND 100),
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'closed')),
    published_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, subject_id) REFERENCES subjects (school_id, id),
    FOREIGN KEY (school_id, teacher_id) REFERENCES teachers (school_id, id),
    CHECK (status = 'draft' OR published_at IS NOT NULL)
);
COMMENT ON COLUMN homework.late_policy IS '{"deduction_percent": per started day, "floor_percent": never below}';
-- Lists of a class and of a teacher, newest first. Not by id: a row that was created with an idempotency key has the key's hash as its id.
CREATE INDEX homework_class ON homework (school_id, class_id, created_at DESC, id DESC);
CREATE INDEX homework_author ON homework (school_id, created_by, created_at DESC, id DESC);
CREATE INDEX homework_due ON homework (school_id, due_at) WHERE status = 'published';
CALL adopt_tenant_table('homework', 'schools24_homework', buffered => true);

CREATE TABLE homework_submissions (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    homework_id uuid NOT NULL,
    student_id uuid NOT NULL,
    attempt integer NOT NULL DEFAULT 1 CHECK (attempt BETWEEN 1 AND 100),
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'submitted', 'graded', 'returned')),
    content text CHECK (char_length(content) <= 100000),
    submitted_at timestamptz,
    is_late boolean NOT NULL DEFAULT false,
    late_seconds bigint NOT NULL DEFAULT 0 CHECK (late_seconds >= 0),
    points numeric(7, 2) CHECK (points >= 0),
    points_after_penalty numeric(7, 2) CHECK (points_after_penalty >= 0),
    feedback text CHECK (char_length(feedback) <= 20000),
    graded_by uuid REFERENCES users,
    graded_at timestamptz,
    returned_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT homework_submissions_once UNIQUE (school_id, homework_id, student_id, attempt),
    FOREIGN KEY (school_id, homework_id) REFERENCES homework (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CHECK (status = 'draft' OR submitted_at IS NOT NULL),
    -- Less than a second late is late too.
    CHECK (is_late OR late_seconds = 0),
    CHECK (points_after_penalty <= points),
    CHECK (status <> 'graded' OR (points IS NOT NULL AND graded_at IS NOT NULL)),
    -- Given back without marks: to be done again.
    CHECK (status <> 'returned' OR returned_at IS NOT NULL)
);
CREATE INDEX homework_submissions_student ON homework_submissions (school_id, student_id, created_at DESC, id DESC);
CALL adopt_tenant_table('homework_submissions', 'schools24_homework', buffered => true);

-- Files of a homework or of a submission; the bytes are in the object store.
CREATE TABLE homework_files (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    homework_id uuid,
    submission_id uuid,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
    media_type text NOT NULL CHECK (char_length(media_type) BETWEEN 3 AND 255),
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    sha256 bytea CHECK (octet_length(sha256) = 32),
    storage_key text NOT NULL CHECK (char_length(storage_key) BETWEEN 1 AND 1024),
    scan_state text NOT NULL DEFAULT 'pending' CHECK (scan_state IN ('pending', 'clean', 'infected')),
    uploaded_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, storage_key),
    FOREIGN KEY (school_id, homework_id) REFERENCES homework (school_id, id),
    FOREIGN KEY (school_id, submission_id) REFERENCES homework_submissions (school_id, id),
    CHECK (num_nonnulls(homework_id, submission_id) = 1)
);
CREATE INDEX homework_files_homework ON homework_files (school_id, homework_id);
CREATE INDEX homework_files_submission ON homework_files (school_id, submission_id);
CALL adopt_tenant_table('homework_files', 'schools24_homework', buffered => true);

-- An extension or another exception for one student.
CREATE TABLE homework_overrides (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    homework_id uuid NOT NULL,
    student_id uuid NOT NULL,
    due_at timestamptz,
    cutoff_at timestamptz,
    max_attempts integer CHECK (max_attempts BETWEEN 1 AND 100),
    is_exempt boolean NOT NULL DEFAULT false,
    reason text CHECK (char_length(reason) <= 1000),
    created_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, homework_id, student_id),
    FOREIGN KEY (school_id, homework_id) REFERENCES homework (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CHECK (cutoff_at >= due_at)
);
CALL adopt_tenant_table('homework_overrides', 'schools24_homework', buffered => true);
