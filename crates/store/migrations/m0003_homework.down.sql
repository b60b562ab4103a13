DROP TABLE homework_overrides;
DROP TABLE homework_files;
DROP TABLE homework_submissions;
DROP TABLE homework;
