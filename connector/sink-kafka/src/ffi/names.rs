//! How host names are found where the C library is linked in, as `cargo xtask dist` does.
//!
//! glibc reads `/etc/nsswitch.conf` and loads the modules that it names, and with them the machine's own C library. Where
//! that is of another version than the one linked in, the process dies of it (docs/adr has what was seen). Files and DNS
//! need no module: they are part of glibc. Invariant: after [`names_by_files_and_dns`] no look-up loads anything.

/// Has `/etc/hosts` and DNS, in this order, be all that host names are looked up by, if the C library is linked in; elsewhere it does
/// nothing. To be called before the first look-up and before there are threads.
pub fn names_by_files_and_dns() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    linked_in::configure();
}

#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
mod linked_in {
    use std::ffi::{CStr, c_char, c_int};

    // SAFETY: as `nss.h` of glibc declares it.
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, sources: *const c_char) -> c_int;
    }

    /// Beside hosts, what a look-up of a host or of a home may ask for on its way.
    const SOURCES: [(&CStr, &CStr); 6] = [
        (c"hosts", c"files dns"),
        (c"services", c"files"),
        (c"protocols", c"files"),
        (c"networks", c"files"),
        (c"passwd", c"files"),
        (c"group", c"files"),
    ];

    pub(super) fn configure() {
        for (database, sources) in SOURCES {
            // SAFETY: both are C strings that live for ever; glibc copies what it keeps, under a lock of its own.
            let refused = unsafe { __nss_configure_lookup(database.as_ptr(), sources.as_ptr()) };
            assert_eq!(refused, 0, "glibc knows the database {database:?} and its sources");
        }
    }
}
