//! A contract back from what is registered, and with its file.
