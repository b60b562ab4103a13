-- Quizzes that can be sat: how they are marked, a bank with categories, overrides for groups, answers that know where they stand.

ALTER TABLE quizzes
    ADD COLUMN behaviour text NOT NULL DEFAULT 'deferred' CHECK (behaviour IN ('deferred', 'adaptive')),
    ADD COLUMN negative_fraction numeric(8, 7) NOT NULL DEFAULT 0 CHECK (negative_fraction BETWEEN 0 AND 1),
    ADD COLUMN mark_floor text NOT NULL DEFAULT 'question' CHECK (mark_floor IN ('question', 'attempt', 'none')),
    ADD COLUMN has_leaderboard boolean NOT NULL DEFAULT false,
    ADD COLUMN released_at timestamptz;
CREATE INDEX quizzes_newest ON quizzes (school_id, created_at DESC, id DESC);

-- Where a question belongs. The questions themselves are documents, whose bank_id is a category's id.
CREATE TABLE question_categories (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    parent_id uuid,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    created_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT question_categories_name UNIQUE NULLS NOT DISTINCT (school_id, parent_id, name),
    CONSTRAINT question_categories_parent FOREIGN KEY (school_id, parent_id) REFERENCES question_categories (school_id, id),
    CHECK (parent_id <> id)
);
CALL adopt_tenant_table('question_categories', 'schools24_quiz');

-- An override is for one student, or for a group that has a name and members.
ALTER TABLE quiz_overrides
    ALTER COLUMN student_id DROP NOT NULL,
    ADD COLUMN group_name text CHECK (char_length(group_name) BETWEEN 1 AND 100),
    ADD CHECK (num_nonnulls(student_id, group_name) = 1),
    ADD CONSTRAINT quiz_overrides_group UNIQUE (school_id, quiz_id, group_name);
CREATE TABLE quiz_override_members (
    school_id uuid NOT NULL REFERENCES schools,
    override_id uuid NOT NULL,
    student_id uuid NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, override_id, student_id),
    FOREIGN KEY (school_id, override_id) REFERENCES quiz_overrides (school_id, id) ON DELETE CASCADE,
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
);
CALL adopt_tenant_table('quiz_override_members', 'schools24_quiz');

-- What a student decides for all quizzes.
CREATE TABLE quiz_preferences (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    student_id uuid NOT NULL,
    hides_from_leaderboards boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT quiz_preferences_student UNIQUE (school_id, student_id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
);
CALL adopt_tenant_table('quiz_preferences', 'schools24_quiz');

-- What runs and has a time to end is looked for every few seconds.
CREATE INDEX quiz_attempts_due ON quiz_attempts (school_id, due_at) WHERE state IN ('in_progress', 'overdue');

ALTER TABLE quiz_answers
    ADD COLUMN graded_version integer CHECK (graded_version >= 1),
    ADD COLUMN max_mark numeric(9, 4) NOT NULL DEFAULT 0 CHECK (max_mark >= 0),
    ADD COLUMN state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'waiting', 'marked')),
    ADD COLUMN tries smallint NOT NULL DEFAULT 0 CHECK (tries >= 0),
    ADD COLUMN best_fraction numeric(8, 7) CHECK (best_fraction BETWEEN -1 AND 1),
    ADD COLUMN is_checked boolean NOT NULL DEFAULT false;
-- Answers that are there already take what they are worth from their slots, in all schools at once: for the length of this the owner looks past the fence.
ALTER TABLE quiz_answers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE quiz_slots NO FORCE ROW LEVEL SECURITY;
UPDATE quiz_answers a
    SET max_mark = greatest(s.max_mark, abs(coalesce(a.mark, 0))),
        state = CASE WHEN a.mark IS NULL THEN 'open' ELSE 'marked' END,
        graded_version = CASE WHEN a.mark IS NULL THEN NULL ELSE a.question_version END
    FROM quiz_slots s
    WHERE s.school_id = a.school_id AND s.id = a.slot_id;
ALTER TABLE quiz_answers FORCE ROW LEVEL SECURITY;
ALTER TABLE quiz_slots FORCE ROW LEVEL SECURITY;
ALTER TABLE quiz_answers ADD CHECK (abs(mark) <= max_mark);
CREATE INDEX quiz_answers_to_mark ON quiz_answers (school_id, slot_id) WHERE state = 'waiting';
