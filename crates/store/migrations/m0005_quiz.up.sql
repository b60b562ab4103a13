-- Quiz: what is asked, who tried, and what they answered. Questions live in MongoDB, pinned here by id and version.
-- Attempts and answers are buffered.

CREATE TABLE quizzes (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    subject_id uuid,
    teacher_id uuid,
    created_by uuid NOT NULL REFERENCES users,
    kind text NOT NULL DEFAULT 'quiz' CHECK (kind IN ('quiz', 'exam')),
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    description text CHECK (char_length(description) <= 20000),
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'closed')),
    opens_at timestamptz,
    closes_at timestamptz,
    time_limit_seconds integer CHECK (time_limit_seconds > 0),
    overdue_handling text NOT NULL DEFAULT 'autosubmit' CHECK (overdue_handling IN ('autosubmit', 'graceperiod', 'autoabandon')),
    grace_seconds integer NOT NULL DEFAULT 0 CHECK (grace_seconds >= 0),
    max_attempts integer CHECK (max_attempts BETWEEN 1 AND 100),
    attempt_delay_seconds integer NOT NULL DEFAULT 0 CHECK (attempt_delay_seconds >= 0),
    grade_method text NOT NULL DEFAULT 'highest' CHECK (grade_method IN ('highest', 'average', 'first', 'last')),
    shuffle_questions boolean NOT NULL DEFAULT false,
    shuffle_answers boolean NOT NULL DEFAULT false,
    password_hash text,
    review_options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(review_options) = 'object'),
    sections jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(sections) = 'array'),
    max_points numeric(9, 4) NOT NULL DEFAULT 0 CHECK (max_points >= 0),
    published_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, subject_id) REFERENCES subjects (school_id, id),
    FOREIGN KEY (school_id, teacher_id) REFERENCES teachers (school_id, id),
    CHECK (closes_at > opens_at),
    CHECK (status = 'draft' OR published_at IS NOT NULL)
);
CREATE INDEX quizzes_class ON quizzes (school_id, class_id, id DESC);
CALL adopt_tenant_table('quizzes', 'schools24_quiz');

CREATE TABLE quiz_slots (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    quiz_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 1),
    section integer NOT NULL DEFAULT 1 CHECK (section >= 1),
    -- Either one version of one question, or a draw from a category.
    question_id uuid,
    question_version integer CHECK (question_version >= 1),
    random_from jsonb CHECK (jsonb_typeof(random_from) = 'object'),
    max_mark numeric(9, 4) NOT NULL CHECK (max_mark >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    -- Deferrable: slots change places within a transaction.
    UNIQUE (school_id, quiz_id, position) DEFERRABLE INITIALLY IMMEDIATE,
    UNIQUE (school_id, quiz_id, id),
    FOREIGN KEY (school_id, quiz_id) REFERENCES quizzes (school_id, id) ON DELETE CASCADE,
    CHECK ((question_id IS NULL) = (question_version IS NULL)),
    CHECK (num_nonnulls(question_id, random_from) = 1)
);
CALL adopt_tenant_table('quiz_slots', 'schools24_quiz');

CREATE TABLE quiz_attempts (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    quiz_id uuid NOT NULL,
    student_id uuid NOT NULL,
    attempt integer NOT NULL CHECK (attempt BETWEEN 1 AND 100),
    state text NOT NULL DEFAULT 'in_progress' CHECK (state IN ('in_progress', 'overdue', 'submitted', 'graded', 'abandoned')),
    -- What the shuffle and the draws of this attempt follow from.
    seed bigint NOT NULL,
    layout jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(layout) = 'array'),
    started_at timestamptz NOT NULL,
    due_at timestamptz CHECK (due_at > started_at),
    submitted_at timestamptz CHECK (submitted_at >= started_at),
    score numeric(9, 4),
    graded_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT quiz_attempts_once UNIQUE (school_id, quiz_id, student_id, attempt),
    UNIQUE (school_id, quiz_id, id),
    FOREIGN KEY (school_id, quiz_id) REFERENCES quizzes (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CHECK (state NOT IN ('submitted', 'graded') OR submitted_at IS NOT NULL)
);
CREATE INDEX quiz_attempts_student ON quiz_attempts (school_id, student_id, id DESC);
CALL adopt_tenant_table('quiz_attempts', 'schools24_quiz', buffered => true);

CREATE TABLE quiz_answers (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    -- The quiz is carried along so that attempt and slot are of the same one.
    quiz_id uuid NOT NULL,
    attempt_id uuid NOT NULL,
    slot_id uuid NOT NULL,
    question_id uuid NOT NULL,
    question_version integer NOT NULL CHECK (question_version >= 1),
    response jsonb,
    is_flagged boolean NOT NULL DEFAULT false,
    mark numeric(9, 4),
    feedback text CHECK (char_length(feedback) <= 20000),
    answered_at timestamptz,
    graded_by uuid REFERENCES users,
    graded_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT quiz_answers_once UNIQUE (school_id, attempt_id, slot_id),
    FOREIGN KEY (school_id, quiz_id, attempt_id) REFERENCES quiz_attempts (school_id, quiz_id, id),
    FOREIGN KEY (school_id, quiz_id, slot_id) REFERENCES quiz_slots (school_id, quiz_id, id)
);
CALL adopt_tenant_table('quiz_answers', 'schools24_quiz', buffered => true);

CREATE TABLE quiz_overrides (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    quiz_id uuid NOT NULL,
    student_id uuid NOT NULL,
    opens_at timestamptz,
    closes_at timestamptz,
    time_limit_seconds integer CHECK (time_limit_seconds > 0),
    max_attempts integer CHECK (max_attempts BETWEEN 1 AND 100),
    reason text CHECK (char_length(reason) <= 1000),
    created_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, quiz_id, student_id),
    FOREIGN KEY (school_id, quiz_id) REFERENCES quizzes (school_id, id) ON DELETE CASCADE,
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CHECK (closes_at > opens_at)
);
CALL adopt_tenant_table('quiz_overrides', 'schools24_quiz');
