//! The tests of `tong`: a file per object, each test a sentence about behaviour, with the rules that it checks.

mod anonymous_pipe;
mod apc;
#[cfg(feature = "tokio")]
mod async_waits;
#[cfg(feature = "tokio")]
mod asynchronous;
mod cleaners;
mod crash;
mod file;
mod forked;
mod handle;
mod hostile;
mod inspect;
mod machine;
mod mailslot;
mod namespace;
mod objects;
mod pipe;
mod pipe_names;
mod ports;
mod process;
mod process_list;
mod puppet;
mod support;
mod thread;
mod users;
mod waits;

/// What the test binary can do as a child of itself.
const ROLES: &[(&str, fn())] = &[
    ("puppet", puppet::role_puppet),
    ("copy_standard", anonymous_pipe::role_copy_standard),
    ("hold_pipe_end", anonymous_pipe::role_hold_pipe_end),
    ("minion", handle::role_minion),
    ("step", crash::role_step),
    ("hold_files", file::role_hold_files),
    ("hold_exclusively", file::role_hold_exclusively),
    ("race_for_file", file::role_race_for_file),
    ("outlive_foes", hostile::role_outlive_foes),
    ("keep_quiet", hostile::role_keep_quiet),
    ("serve_many", hostile::role_serve_many),
    ("want_both", inspect::role_want_both),
    ("read_pipe", inspect::role_read_pipe),
    ("see_unnamed", inspect::role_see_unnamed),
    (
        "see_process_and_thread",
        inspect::role_see_process_and_thread,
    ),
    ("fork", forked::role_fork),
    ("exit", process::role_exit),
    ("pause", process::role_pause),
    ("watch", process::role_watch),
    ("hold_child", process::role_hold_child),
    ("leave_child", process::role_leave_child),
    ("show_start", process::role_show_start),
    ("start_many", process::role_start_many),
    ("have_handles", process::role_have_handles),
    ("use_handles", process::role_use_handles),
    #[cfg(feature = "tokio")]
    ("pipe_task_server", pipe::role_pipe_task_server),
    #[cfg(feature = "tokio")]
    ("pipe_task_crowd", pipe::role_pipe_task_crowd),
    ("pipe_heir", pipe::role_pipe_heir),
    ("pipe_servant", pipe::role_pipe_servant),
    ("write", mailslot::role_write),
    ("write_in_turn", mailslot::role_write_in_turn),
    ("write_lengths", mailslot::role_write_lengths),
    ("serve", mailslot::role_serve),
    ("serve_and_tell", mailslot::role_serve_and_tell),
    ("try_to_serve", mailslot::role_try_to_serve),
    (
        "serve_out_of_descriptors",
        mailslot::role_serve_out_of_descriptors,
    ),
    ("count_descriptors", mailslot::role_count_descriptors),
    ("flood", mailslot::role_flood),
    ("number_through_many", mailslot::role_number_through_many),
    ("flood_until_killed", mailslot::role_flood_until_killed),
    ("leave_a_child", process_list::role_leave_a_child),
    ("outlive", process_list::role_outlive),
    ("pipe_player", pipe::role_pipe_player),
    ("fork_pipe", pipe::role_fork_pipe),
    ("name_player", pipe_names::role_name_player),
    ("step_pipe", pipe_names::role_step_pipe),
    ("serve_named_pipe", pipe_names::role_serve_named_pipe),
    ("player", waits::role_player),
    ("own_until_killed", waits::role_own_until_killed),
    ("abandon", waits::role_abandon),
    ("wait_in_opposite_order", waits::role_wait_in_opposite_order),
    ("take_pairs", waits::role_take_pairs),
    ("stress_coordinator", waits::role_stress_coordinator),
    ("stress_worker", waits::role_stress_worker),
    ("race_for_object", objects::role_race_for_object),
    ("step_object", objects::role_step_object),
    ("end_initial_thread", thread::role_end_initial_thread),
    ("terminate_initial", thread::role_terminate_initial),
    ("exit_last", thread::role_exit_last),
];
