DROP TABLE quiz_overrides;
DROP TABLE quiz_answers;
DROP TABLE quiz_attempts;
DROP TABLE quiz_slots;
DROP TABLE quizzes;
