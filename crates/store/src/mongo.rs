//! MongoDB: documents that have no fixed shape.
