//! The process's heap.

use super::*;
use tong_win32::heap::*;

#[test]
fn block_of_the_heap_knows_its_size_and_grows() {
    let heap = GetProcessHeap();
    let block = HeapAlloc(heap, 8, 100).cast::<u8>();
    assert!(!block.is_null() && block as usize % 16 == 0);
    let bytes = |block: *mut u8, len| unsafe { std::slice::from_raw_parts_mut(block, len) };
    assert!(bytes(block, 100).iter().all(|byte| *byte == 0));
    bytes(block, 100).fill(7);
    assert_eq!(unsafe { HeapSize(heap, 0, block.cast()) }, 100);
    let larger = unsafe { HeapReAlloc(heap, 8, block.cast(), 5_000) }.cast::<u8>();
    assert!(bytes(larger, 100).iter().all(|byte| *byte == 7));
    assert!(bytes(larger, 5_000)[100..].iter().all(|byte| *byte == 0));
    assert_eq!(unsafe { HeapSize(heap, 0, larger.cast()) }, 5_000);
    let in_place = last_error_of(|| unsafe { HeapReAlloc(heap, 16, larger.cast(), 6_000) });
    assert_eq!(in_place, (ptr::null_mut(), 8));
    succeeds(|| unsafe { HeapFree(heap, 0, larger.cast()) });
    succeeds(|| unsafe { HeapFree(heap, 0, ptr::null_mut()) });
    fails(6, || unsafe {
        HeapFree(ptr::null_mut(), 0, ptr::null_mut())
    });
    let none = last_error_of(|| HeapAlloc(heap, 0, usize::MAX));
    assert_eq!(none, (ptr::null_mut(), 8));
}
