//! The message that has sweeper, poller or courier look before their timers do.

use actix::prelude::*;

/// Look now. Answers when the pass has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wake;
