DROP INDEX quiz_answers_to_mark;
ALTER TABLE quiz_answers
    DROP COLUMN graded_version, DROP COLUMN max_mark, DROP COLUMN state, DROP COLUMN tries, DROP COLUMN best_fraction, DROP COLUMN is_checked;
DROP INDEX quiz_attempts_due;
DROP TABLE quiz_preferences;
DROP TABLE quiz_override_members;
DELETE FROM quiz_overrides WHERE student_id IS NULL;
ALTER TABLE quiz_overrides DROP COLUMN group_name, ALTER COLUMN student_id SET NOT NULL;
DROP TABLE question_categories;
DROP INDEX quizzes_newest;
ALTER TABLE quizzes
    DROP COLUMN behaviour, DROP COLUMN negative_fraction, DROP COLUMN mark_floor, DROP COLUMN has_leaderboard, DROP COLUMN released_at;
