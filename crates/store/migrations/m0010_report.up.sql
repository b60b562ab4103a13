-- Report: the grade book, and what is printed from it. Grades are buffered.

CREATE TABLE grade_categories (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    term_id uuid,
    parent_category_id uuid,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    aggregation text NOT NULL DEFAULT 'weighted_mean' CHECK (aggregation IN ('weighted_mean', 'mean', 'sum', 'median', 'lowest', 'highest')),
    weight numeric(9, 4) NOT NULL DEFAULT 1 CHECK (weight >= 0),
    drop_lowest integer NOT NULL DEFAULT 0 CHECK (drop_lowest >= 0),
    keep_highest integer CHECK (keep_highest >= 1),
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, source_id),
    CONSTRAINT grade_categories_once UNIQUE NULLS NOT DISTINCT (school_id, class_id, term_id, parent_category_id, name),
    UNIQUE (school_id, class_id, id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, term_id) REFERENCES terms (school_id, id),
    -- Within the same class.
    FOREIGN KEY (school_id, class_id, parent_category_id) REFERENCES grade_categories (school_id, class_id, id),
    CHECK (parent_category_id <> id),
    CHECK (drop_lowest = 0 OR keep_highest IS NULL)
);
CALL adopt_tenant_table('grade_categories', 'schools24_report');

CREATE TABLE grade_items (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    category_id uuid,
    subject_id uuid,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    -- Where its grades come from: a homework or quiz, by its id, or typed in here.
    source_kind text NOT NULL DEFAULT 'manual' CHECK (source_kind IN ('manual', 'homework', 'quiz')),
    source_ref uuid,
    max_points numeric(9, 4) NOT NULL CHECK (max_points > 0),
    weight numeric(9, 4) NOT NULL DEFAULT 1 CHECK (weight >= 0),
    is_extra_credit boolean NOT NULL DEFAULT false,
    is_hidden boolean NOT NULL DEFAULT false,
    locked_at timestamptz,
    due_on date,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, source_id),
    UNIQUE (school_id, source_kind, source_ref),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, class_id, category_id) REFERENCES grade_categories (school_id, class_id, id),
    FOREIGN KEY (school_id, subject_id) REFERENCES subjects (school_id, id),
    CHECK ((source_kind = 'manual') = (source_ref IS NULL))
);
CREATE INDEX grade_items_class ON grade_items (school_id, class_id);
CALL adopt_tenant_table('grade_items', 'schools24_report');

CREATE TABLE grades (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    item_id uuid NOT NULL,
    student_id uuid NOT NULL,
    -- None is "not graded", which is not zero.
    points numeric(9, 4) CHECK (points >= 0),
    override_points numeric(9, 4) CHECK (override_points >= 0),
    is_excluded boolean NOT NULL DEFAULT false,
    is_exempt boolean NOT NULL DEFAULT false,
    is_missing boolean NOT NULL DEFAULT false,
    comment text CHECK (char_length(comment) <= 5000),
    graded_by uuid REFERENCES users,
    graded_at timestamptz,
    -- The event that brought it, so that one that comes twice changes nothing.
    source_event_id uuid,
    source_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, source_id),
    CONSTRAINT grades_once UNIQUE (school_id, item_id, student_id),
    FOREIGN KEY (school_id, item_id) REFERENCES grade_items (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
);
CREATE INDEX grades_student ON grades (school_id, student_id);
CALL adopt_tenant_table('grades', 'schools24_report', buffered => true);

CREATE TABLE report_jobs (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    kind text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 64),
    parameters jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(parameters) = 'object'),
    format text NOT NULL CHECK (format IN ('pdf', 'csv', 'xlsx', 'json')),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    -- The same report asked for twice is one job.
    dedupe_key text,
    storage_key text,
    error text,
    requested_by uuid NOT NULL REFERENCES users,
    holder text,
    lease_until timestamptz,
    finished_at timestamptz,
    expires_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, kind, dedupe_key),
    CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CHECK (status <> 'succeeded' OR storage_key IS NOT NULL)
);
CREATE INDEX report_jobs_waiting ON report_jobs (school_id, created_at) WHERE status IN ('queued', 'running');
CALL adopt_tenant_table('report_jobs', 'schools24_report');

CREATE TABLE report_cards (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    student_id uuid NOT NULL,
    class_id uuid NOT NULL,
    term_id uuid NOT NULL,
    -- Issued again, a card is a new revision; the old one stays as it was.
    revision integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published')),
    template_code text NOT NULL CHECK (char_length(template_code) BETWEEN 1 AND 100),
    template_version integer NOT NULL CHECK (template_version >= 1),
    figures jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(figures) = 'object'),
    storage_key text,
    published_at timestamptz,
    published_by uuid REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, student_id, term_id, revision),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, term_id) REFERENCES terms (school_id, id),
    CHECK ((status = 'published') = (published_at IS NOT NULL))
);
CALL adopt_tenant_table('report_cards', 'schools24_report');

CREATE FUNCTION report_card_is_final() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'report card % is published and does not change', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'report_card_is_final', TABLE = 'report_cards';
END
$$;
CREATE TRIGGER report_card_is_final BEFORE UPDATE OR DELETE ON report_cards
    FOR EACH ROW WHEN (OLD.status = 'published') EXECUTE FUNCTION report_card_is_final();
