//! Ends that several processes hold: each takes up what the others did before it does something.

use super::*;

const QUOTA: u64 = 100;

fn inlet(memory: &ChannelMemory) -> Inlet {
    Inlet::new(memory, 0, QUOTA, PipeType::Message).unwrap()
}

fn outlet(memory: &ChannelMemory) -> Outlet {
    Outlet::new(memory, 0, QUOTA, PipeType::Message).unwrap()
}

/// P11.7.
#[test]
fn rest_of_a_message_goes_to_whoever_reads_next() {
    let memory = memory();
    let mut inlet = inlet(&memory);
    let (mut one, mut other) = (outlet(&memory), outlet(&memory));
    put(&mut inlet, b"abcdef");
    put(&mut inlet, &[9; 200]);
    assert_eq!(read(&mut one, 4, ReadMode::Message), part(b"abcd"));
    other.reload().unwrap();
    assert_eq!(peek(&mut other, 9), (b"ef".to_vec(), 202, 0, true));
    assert_eq!(read(&mut other, 4, ReadMode::Message), whole(b"ef"));
    assert_eq!(read(&mut other, 150, ReadMode::Message), part(&[9; 150]));
    one.reload().unwrap();
    assert_eq!(read(&mut one, 99, ReadMode::Message), whole(&[9; 50]));
    assert_eq!(inlet.unread(), Ok(0));
}

#[test]
fn writers_and_readers_that_take_turns_follow_each_other_through_the_segments() {
    let memory = memory();
    let mut inlets = [inlet(&memory), inlet(&memory), inlet(&memory)];
    let mut outlets = [outlet(&memory), outlet(&memory)];
    let mut random = fastrand::Rng::with_seed(3);
    let (mut put_next, mut read_next) = (0u32, 0u32);
    for round in 0..20_000 {
        // Bursts, so that the ring grows and moves back.
        let most = if round % 2000 < 300 { 400 } else { 2 };
        if random.bool() && put_next - read_next < most {
            let inlet = random.choice(&mut inlets).unwrap();
            inlet.reload().unwrap();
            let mut message = put_next.to_le_bytes().to_vec();
            message.resize(4 + random.usize(..400), 7);
            inlet.put(&message, Put::Unlimited).unwrap();
            put_next += 1;
        } else {
            let outlet = random.choice(&mut outlets).unwrap();
            outlet.reload().unwrap();
            if let Some((message, more)) = read(outlet, 500, ReadMode::Message) {
                assert_eq!(message[..4], read_next.to_le_bytes());
                assert!(!more && message[4..].iter().all(|byte| *byte == 7));
                read_next += 1;
            }
        }
    }
    assert!(read_next > 5000, "only {read_next} messages went through");
}

/// P13.12 across processes.
#[test]
fn what_one_holder_takes_back_makes_room_for_the_write_of_another() {
    let memory = memory();
    let (mut one, mut other) = (inlet(&memory), inlet(&memory));
    let mut outlet = outlet(&memory);
    let big = put(&mut one, &[1; 200]).unwrap();
    other.reload().unwrap();
    let small = put(&mut other, &[2; 50]).unwrap();
    let mark = other.mark();
    one.reload().unwrap();
    assert!(!one.withdraw(big).was_complete);
    other.reload().unwrap();
    assert!(other.is_complete(&small).unwrap());
    assert_eq!(other.unread(), Ok(50));
    assert!(!other.is_flushed(&mark).unwrap());
    assert_eq!(peek(&mut outlet, 0), (vec![], 50, 50, true));
    assert_eq!(read(&mut outlet, 99, ReadMode::Message), whole(&[2; 50]));
    other.reload().unwrap();
    assert!(other.is_flushed(&mark).unwrap());
}

/// P15.8 across processes.
#[test]
fn flush_of_one_holder_waits_for_the_empty_message_of_another() {
    let memory = memory();
    let (mut one, mut other) = (inlet(&memory), inlet(&memory));
    let mut outlet = outlet(&memory);
    put(&mut one, b"");
    other.reload().unwrap();
    let mark = other.mark();
    assert!(!other.is_flushed(&mark).unwrap());
    read(&mut outlet, 0, ReadMode::Message).unwrap();
    assert!(other.is_flushed(&mark).unwrap());
}

#[test]
fn more_stretches_than_the_list_holds_are_forgotten_until_they_are_passed() {
    let memory = memory();
    let (mut one, mut other) = (inlet(&memory), inlet(&memory));
    let mut outlet = outlet(&memory);
    let mut tickets = Vec::new();
    for _ in 0..2 * layout::MOST_GAPS {
        tickets.extend(put(&mut one, &[1; 200]));
        put(&mut one, b"x");
    }
    let count = tickets.len() as u64;
    for ticket in tickets {
        one.withdraw(ticket);
    }
    assert_eq!(one.unread(), Ok(count));
    other.reload().unwrap();
    let forgotten = count - layout::MOST_GAPS as u64;
    assert_eq!(other.unread(), Ok(count + 200 * forgotten));
    assert_eq!(peek(&mut outlet, 0).1, count);
    for _ in 0..count {
        assert_eq!(read(&mut outlet, 9, ReadMode::Message), whole(b"x"));
    }
    assert_eq!(other.unread(), Ok(0));
}
