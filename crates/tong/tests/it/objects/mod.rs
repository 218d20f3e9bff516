//! Events, mutexes, semaphores and timers: what each does, their names, and what the world may do to these.
//!
//! Rules W-71 to W-123, and H-43 to H-46 and H-88 to H-108 as far as they are about these kinds.

mod event;
mod hostile;
mod machine;
mod mutex;
mod names;
mod races;
mod semaphore;
mod steps;
mod timer;

pub(crate) use races::role_race_for_object;
pub(crate) use steps::role_step_object;
