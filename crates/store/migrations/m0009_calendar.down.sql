DROP TABLE calendar_feeds;
DROP TABLE timetable_entries;
DROP TABLE calendar_events;
DROP TABLE rooms;
