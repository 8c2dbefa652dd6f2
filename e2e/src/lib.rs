//! The walk-throughs of ARCHITECTURE.md as tests: command, broker, sandbox and a real browser.
