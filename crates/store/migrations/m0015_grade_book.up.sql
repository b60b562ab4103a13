-- The grade book: whose class a grade is of, what percentages are called, a class's settings, and every change that a grade has seen.

-- The class is the item's and never changes; with it here, the grades of a class are found without a join. No release has written grades before this.
ALTER TABLE grade_items ADD CONSTRAINT grade_items_of_class UNIQUE (school_id, class_id, id);
ALTER TABLE grades
    ADD COLUMN class_id uuid NOT NULL,
    ADD CONSTRAINT grades_item_of_class FOREIGN KEY (school_id, class_id, item_id) REFERENCES grade_items (school_id, class_id, id);
CREATE INDEX grades_class ON grades (school_id, class_id);

-- What a percentage is called. The steps are checked where they are read in: a scale names every percentage once.
CREATE TABLE grade_scales (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    steps jsonb NOT NULL CHECK (CASE WHEN jsonb_typeof(steps) = 'array' THEN jsonb_array_length(steps) BETWEEN 1 AND 50 ELSE false END),
    is_default boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT grade_scales_name UNIQUE (school_id, name)
);
CREATE UNIQUE INDEX grade_scales_one_default ON grade_scales (school_id) WHERE is_default;
COMMENT ON COLUMN grade_scales.steps IS '[{"letter", "from_percent", "grade_points"}], from the highest to the lowest';
CALL adopt_tenant_table('grade_scales', 'schools24_report');

-- How a class is graded. One row a class, made when it is first needed; its id is the class's.
CREATE TABLE grade_book_settings (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    scale_id uuid,
    shows_totals boolean NOT NULL DEFAULT true,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, id) REFERENCES classes (school_id, id),
    CONSTRAINT grade_book_settings_scale FOREIGN KEY (school_id, scale_id) REFERENCES grade_scales (school_id, id)
);
COMMENT ON COLUMN grade_book_settings.shows_totals IS 'whether students and parents see totals, besides the grades themselves';
CALL adopt_tenant_table('grade_book_settings', 'schools24_report');

-- What a grade was after each of its changes. Nobody takes that back.
CREATE TABLE grade_changes (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    item_id uuid NOT NULL,
    student_id uuid NOT NULL,
    grade_id uuid NOT NULL,
    grade_version integer NOT NULL CHECK (grade_version >= 1),
    points numeric(9, 4) CHECK (points >= 0),
    override_points numeric(9, 4) CHECK (override_points >= 0),
    is_excluded boolean NOT NULL,
    is_exempt boolean NOT NULL,
    is_missing boolean NOT NULL,
    comment text CHECK (char_length(comment) <= 5000),
    -- Who did it; none for what came from homework or a quiz.
    changed_by uuid REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT grade_changes_once UNIQUE (school_id, grade_id, grade_version),
    FOREIGN KEY (school_id, grade_id) REFERENCES grades (school_id, id),
    FOREIGN KEY (school_id, class_id, item_id) REFERENCES grade_items (school_id, class_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
);
CALL adopt_tenant_table('grade_changes', 'schools24_report', buffered => true, append_only => true);

-- Where those who write an item's grades meet those who change its rules. One row an item, made when it is first needed; its id is the item's.
CREATE TABLE grade_sheets (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    item_version integer NOT NULL CHECK (item_version >= 1),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, id) REFERENCES grade_items (school_id, id)
);
COMMENT ON COLUMN grade_sheets.item_version IS 'the version of the item that its last announced change of rules makes';
CALL adopt_tenant_table('grade_sheets', 'schools24_report', buffered => true);
