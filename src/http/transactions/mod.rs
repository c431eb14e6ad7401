//! The transaction endpoints.

mod batch;
mod change;
mod create;
mod find;
mod history;
mod list;

pub use batch::{CREATE_ALL, create_all};
pub use change::{CHANGE, change};
pub use create::{CREATE, create};
pub use find::{READ_ONE, read_one};
pub use history::{EVENTS, events};
pub use list::{FILTERS, LIST, SEARCH, SETTLED, search};
