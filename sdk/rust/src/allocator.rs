//! The heap of a component: a pointer that moves forward.
//!
//! A component lives for one call in a fresh store, so nothing is gained by taking memory back, and what a call usually needs lies in a
//! static area: the host then neither grows memory nor gives it back between calls, which costs more than the call itself. What grows
//! (a text, a vector) grows in place while it is the last. Memory beyond the area is asked for in large pieces, within the limit of
//! the module's manifest.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;

/// Bytes that a call has without asking the host.
const AREA: usize = 512 << 10;
/// Least number of pages (64 KiB) asked for at once.
const PIECE: usize = 16;
const PAGE: usize = 64 << 10;

#[repr(C, align(16))]
struct Area(core::cell::UnsafeCell<[u8; AREA]>);

// SAFETY: a component of this target has one thread.
unsafe impl Sync for Area {}

static FIRST: Area = Area(core::cell::UnsafeCell::new([0; AREA]));

struct Heap {
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: a component of this target has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap { next: Cell::new(0), end: Cell::new(0) };

impl Heap {
    /// `size` bytes from `start`, when they are there or can be had.
    fn reach(&self, start: usize, size: usize) -> Option<usize> {
        let stop = start.checked_add(size)?;
        if stop <= self.end.get() {
            return Some(stop);
        }
        None
    }

    /// Makes room for `size` bytes behind the present end, or anew where others took memory meanwhile.
    fn extend(&self, size: usize) -> Option<()> {
        if self.end.get() == 0 {
            let first = FIRST.0.get() as usize;
            self.next.set(first);
            self.end.set(first + AREA);
            return Some(());
        }
        let pages = size.checked_add(PAGE)?.div_ceil(PAGE).max(PIECE);
        let before = core::arch::wasm32::memory_grow(0, pages);
        if before == usize::MAX {
            return None;
        }
        let start = before * PAGE;
        if start != self.end.get() {
            self.next.set(start);
        }
        self.end.set(start + pages * PAGE);
        Some(())
    }
}

// SAFETY: every block lies in the area or in memory that was grown for it, no block is handed out twice, alignment is kept.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // At most: the area, one piece more, and that piece anew.
        for _ in 0..3 {
            let start = self.next.get().next_multiple_of(layout.align());
            if self.end.get() != 0
                && let Some(stop) = self.reach(start, layout.size())
            {
                self.next.set(stop);
                return start as *mut u8;
            }
            if self.extend(layout.size().saturating_add(layout.align())).is_none() {
                break;
            }
        }
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // The last block can be had again; everything else ends with the call.
        if block as usize + layout.size() == self.next.get() {
            self.next.set(block as usize);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = block as usize;
        if start + layout.size() == self.next.get()
            && let Some(stop) = self.reach(start, size)
        {
            self.next.set(stop);
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller's layout with another size, which is larger and so not zero.
        let fresh = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !fresh.is_null() {
            // SAFETY: both blocks are ours, distinct, and at least as long as the old layout.
            unsafe { core::ptr::copy_nonoverlapping(block, fresh, layout.size()) };
        }
        fresh
    }
}
