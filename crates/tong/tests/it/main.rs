//! The tests of `tong`: a file per object, each test a sentence about behaviour, with the rules that it checks.

#[cfg(feature = "tokio")]
mod asynchronous;
mod cleaners;
mod crash;
mod file;
mod forked;
mod handle;
mod hostile;
mod machine;
mod mailslot;
mod namespace;
mod puppet;
mod support;
mod users;

/// What the test binary can do as a child of itself.
const ROLES: &[(&str, fn())] = &[
    ("puppet", puppet::role_puppet),
    ("step", crash::role_step),
    ("hold_files", file::role_hold_files),
    ("hold_exclusively", file::role_hold_exclusively),
    ("race_for_file", file::role_race_for_file),
    ("outlive_foes", hostile::role_outlive_foes),
    ("keep_quiet", hostile::role_keep_quiet),
    ("serve_many", hostile::role_serve_many),
    ("fork", forked::role_fork),
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
];
