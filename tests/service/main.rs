//! The service as its clients and operators see it: a real process, real PostgreSQL, and a network that breaks.

mod support;
mod proxy;
