DROP INDEX bus_boardings_student;
