//! The transaction endpoints.

mod batch;
mod change;
mod create;
mod find;
mod history;
mod list;

pub use batch::create_all;
pub use change::change;
pub use create::create;
pub use find::read_one;
pub use history::events;
pub use list::search;
