//! What the examples that measure share: private servers, and a service as a process of its own.
#![allow(dead_code, reason = "each example uses a part of it")]

pub mod postgres;
pub mod process;

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

pub fn wait_until(what: &str, mut condition: impl FnMut() -> Outcome<bool>) -> Outcome<()> {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition()? {
        if Instant::now() > end {
            return Err(format!("waited in vain until {what}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
