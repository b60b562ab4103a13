//! Putting a roster into the tables.
